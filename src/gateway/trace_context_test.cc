#include "gateway/trace_context.h"

#include <string>

#include <gtest/gtest.h>

namespace insula::gateway {
namespace {

constexpr std::string_view kValid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string lines_of(const TraceContext& trace) {
  std::string out;
  append_trace_lines(out, trace);
  return out;
}

/// The context of a request with these header lines.
std::optional<TraceContext> trace_with(const std::string& lines) {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
  http::RequestHead head;
  EXPECT_EQ(http::parse_request(text, 0, {}, head), http::ParseStatus::kComplete);
  return trace_of(head);
}

TEST(TraceContext, IsReadAndWrittenAlike) {
  const auto trace = parse_traceparent(kValid);
  ASSERT_TRUE(trace);
  EXPECT_TRUE(trace->is_sampled);
  EXPECT_EQ(lines_of(*trace), "traceparent: " + std::string(kValid) + "\r\n");
  const auto unsampled =
      parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  ASSERT_TRUE(unsampled);
  EXPECT_FALSE(unsampled->is_sampled);
}

TEST(TraceContext, OfALaterVersionIsReadAsFarAsItIsKnown) {
  for (const std::string_view rest : {"", "-what-the-future-will-bring"}) {
    const auto trace = parse_traceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fb" +
                                         std::string(rest));
    ASSERT_TRUE(trace) << rest;
    EXPECT_TRUE(trace->is_sampled);
    EXPECT_EQ(lines_of(*trace), "traceparent: " + std::string(kValid) + "\r\n");
  }
}

TEST(TraceContext, ThatIsNotValidIsNone) {
  for (const std::string_view wrong : {
           "",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333z-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
           "000af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-00",
       })
    EXPECT_FALSE(parse_traceparent(wrong)) << wrong;
}

TEST(TraceContext, KeepsWhatOtherSystemsSay) {
  EXPECT_EQ(clean_tracestate("a=1,b=2"), "a=1,b=2");
  EXPECT_EQ(clean_tracestate(" a=1 , ,\tt@v= x y "), "a=1,t@v= x y");
  EXPECT_EQ(clean_tracestate("0=1"), "0=1");
}

TEST(TraceContext, DropsAStateOfWhichAMemberIsNotValid) {
  for (const std::string& wrong :
       {std::string("a"), std::string("a="), std::string("=1"), std::string("A=1"),
        std::string("a=1=2"), std::string("a=1,a=2"), std::string("a b=1"),
        std::string("a=\xc3\xa9"), std::string("a=1,b"), "a=" + std::string(257, 'x'),
        std::string(257, 'k') + "=1"})
    EXPECT_EQ(clean_tracestate(wrong), "") << wrong;
  std::string many = "k0=1";
  for (int i = 1; i < 32; ++i)
    many += ",k" + std::to_string(i) + "=1";
  EXPECT_EQ(clean_tracestate(many), many);
  EXPECT_EQ(clean_tracestate(many + ",k32=1"), "");
}

TEST(TraceContext, ShortensAStateThatIsTooLong) {
  const std::string shorter = "b=" + std::string(100, 'b');
  const std::string longer = "a=" + std::string(200, 'a');
  EXPECT_EQ(clean_tracestate(longer + "," + shorter), longer + "," + shorter);
  std::string five = shorter;
  for (const char key : {'c', 'd', 'e', 'f'})
    five += std::string(",") + key + "=" + std::string(100, key);
  // The long one goes first, and then the last one.
  EXPECT_EQ(clean_tracestate(longer + "," + five), five.substr(0, five.rfind(',')));
}

TEST(TraceContext, OfARequestIsThatOfItsHeaders) {
  const std::string parent = "Traceparent: " + std::string(kValid) + "\r\n";
  const auto trace = trace_with(parent + "tracestate: a=1\r\nTracestate: b=2\r\n");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->state, "a=1,b=2");
  EXPECT_FALSE(trace_with(parent + parent));
  EXPECT_FALSE(trace_with("tracestate: a=1\r\n"));
  EXPECT_FALSE(trace_with(""));
}

}  // namespace
}  // namespace insula::gateway
