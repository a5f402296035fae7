#include "http/http2_head.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace insula::http {
namespace {

/// What becomes of a GET with these fields. The decoder of frames refuses some of them itself;
/// what goes upstream as HTTP/1 does not depend on that.
Refusal refusal_of(const std::vector<std::pair<std::string, std::string>>& fields,
                   std::string_view path = "/") {
  Http2Head head;
  head.add(":method", "GET");
  head.add(":path", path);
  head.add(":authority", "a");
  for (const auto& [name, value] : fields)
    head.add(name, value);
  RequestHead made;
  return head.fill(made);
}

TEST(Http2Head, LetsNothingThroughThatHttp1WouldReadDifferently) {
  EXPECT_EQ(refusal_of({{"x", "a b\tc"}}), Refusal::kNone);
  EXPECT_EQ(refusal_of({{"x", "1\r\nhost: b"}}), Refusal::kControlCharacter);
  EXPECT_EQ(refusal_of({{"x", "1\n2"}}), Refusal::kControlCharacter);
  EXPECT_EQ(refusal_of({{"x", std::string("\0", 1)}}), Refusal::kControlCharacter);
  EXPECT_EQ(refusal_of({{"x y", "1"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{"x:y", "1"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{"", "1"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{"X", "1"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{":path", "/other"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{":protocol", "websocket"}}), Refusal::kFieldName);
  EXPECT_EQ(refusal_of({{"transfer-encoding", "chunked"}}), Refusal::kTransferCoding);
  EXPECT_EQ(refusal_of({{"content-length", "1"}, {"content-length", "1"}}),
            Refusal::kContentLengthRepeated);
  EXPECT_EQ(refusal_of({{"content-length", "+1"}}), Refusal::kContentLength);
  EXPECT_EQ(refusal_of({}, "/a b"), Refusal::kTarget);
  EXPECT_EQ(refusal_of({}, "/a\r\nx: y"), Refusal::kTarget);
  EXPECT_EQ(refusal_of({}, "/" + std::string(20'000, 'p')), Refusal::kTargetTooLong);
}

TEST(Http2Head, NeedsAMethodATargetAndAHost) {
  RequestHead made;
  EXPECT_EQ(Http2Head().fill(made), Refusal::kMethod);
  Http2Head without_path;
  without_path.add(":method", "GET");
  EXPECT_EQ(without_path.fill(made), Refusal::kTarget);
  Http2Head without_host;
  without_host.add(":method", "GET");
  without_host.add(":path", "/");
  EXPECT_EQ(without_host.fill(made), Refusal::kHostMissing);
  without_host.add("host", "a");
  EXPECT_EQ(without_host.fill(made), Refusal::kNone);
  EXPECT_EQ(made.host, "a");
}

TEST(Http2Head, AsManyFieldsAsFitAreAHead) {
  Http2Head head;
  head.add(":method", "GET");
  head.add(":path", "/");
  head.add(":authority", "a");
  head.add("cookie", "a=1");
  for (std::size_t i = 0; i + 2 < kFieldsMax; ++i)
    head.add("x", "1");
  RequestHead made;
  EXPECT_EQ(head.fill(made), Refusal::kNone);
  EXPECT_EQ(made.field_count, kFieldsMax);
  head.add("x", "1");
  EXPECT_EQ(head.fill(made), Refusal::kTooManyFields);
}

}  // namespace
}  // namespace insula::http
