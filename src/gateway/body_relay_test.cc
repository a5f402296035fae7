#include "gateway/body_relay.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/filter_chain.h"

namespace insula::gateway {
namespace {

/// A streamed reply as it comes from an upstream, piece by piece.
class BodyRelayTest : public ::testing::Test {
 public:
  void begin(const RelayPlan& plan,
             std::string_view fields =
                 "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n") {
    head_text_ = fmt::format("HTTP/1.1 200 OK\r\n{}\r\n", fields);
    ASSERT_EQ(http::parse_response(head_text_, 0, {}, head_), http::ParseStatus::kComplete);
    relay_.emplace(head_, plan);
  }

  std::string feed(std::string bytes) {
    return std::string(relay_->feed({bytes.data(), bytes.size()}));
  }

  std::string head_text_;
  http::ResponseHead head_;
  std::optional<BodyRelay> relay_;
};

/// Refuses events with this word.
class NoWord final : public Filter {
 public:
  explicit NoWord(std::string word) : word_(std::move(word)) {}

  [[nodiscard]] bool runs_at(FilterPoint point) const override {
    return point == FilterPoint::kEvent;
  }

  [[nodiscard]] std::optional<FilterRefusal> on_event(std::string_view event) const override {
    EXPECT_TRUE(event.ends_with("\n\n")) << event;
    if (!event.contains(word_)) return std::nullopt;
    return FilterRefusal{.error = ApiError::kPromptDenied, .message = "no"};
  }

 private:
  std::string word_;
};

FilterChain chain_of(std::string word) {
  std::vector<std::unique_ptr<const Filter>> filters;
  filters.push_back(std::make_unique<NoWord>(std::move(word)));
  return FilterChain(std::move(filters));
}

TEST_F(BodyRelayTest, TokensCostWhateverTheirTypeIsCalled) {
  const std::string told = R"({"usage":{"prompt_tokens":50,"completion_tokens":70}})";
  const std::string untold(400, 'x');
  const auto usage_of = [this](std::string_view type, Billing billing, const std::string& body) {
    begin({.billing = billing}, fmt::format("{}Content-Length: {}\r\n", type, body.size()));
    EXPECT_EQ(feed(body), body);
    return relay_->usage(40);
  };
  const llm::Usage counted{50, 70, false};
  const llm::Usage guessed{10, 100, true};
  for (const std::string_view type :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-ndjson\r\n",
        "Content-Type: application/problem+json\r\n", "Content-Type: application/json\r\n"}) {
    EXPECT_EQ(usage_of(type, Billing::kEstimated, told), counted) << type;
    EXPECT_EQ(usage_of(type, Billing::kEstimated, untold), guessed) << type;
    EXPECT_EQ(usage_of(type, Billing::kTold, untold), llm::Usage()) << type;
    EXPECT_EQ(usage_of(type, Billing::kNone, told), llm::Usage()) << type;
  }
  EXPECT_EQ(usage_of("Content-Type: application/json\r\n", Billing::kTold, told), counted);
  EXPECT_EQ(usage_of("Content-Type: audio/mpeg\r\n", Billing::kTold, told), llm::Usage());
}

TEST_F(BodyRelayTest, TheLastEventOfAStreamIsReadHoweverItEnds) {
  const std::string last = "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n";
  begin({});
  EXPECT_NE(feed(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", last.size(), last)), "");
  EXPECT_EQ(relay_->usage(0), (llm::Usage{5, 2, false}));
}

/// The end of an event and the end of the body may come together, after the event's beginning.
TEST_F(BodyRelayTest, TheLastEventInTwoPiecesIsWhole) {
  for (const bool chunks : {true, false}) {
    begin({.client_chunks = chunks, .usage_chunk = llm::UsageChunk::kHide});
    EXPECT_EQ(feed("8\r\ndata: [D\r\n"), "");
    const std::string last = "data: [DONE]\n\n";
    EXPECT_EQ(feed("6\r\nONE]\n\n\r\n0\r\n\r\n"), chunks ? "e\r\n" + last + "\r\n0\r\n\r\n" : last);
    EXPECT_TRUE(relay_->done());
  }
}

TEST_F(BodyRelayTest, EventsPassFiltersOneByOne) {
  const FilterChain chain = chain_of("bad");
  begin({.client_chunks = false, .events = &chain});
  EXPECT_EQ(feed("13\r\ndata: a\n\ndata: b\n\nd\r\n"), "data: a\n\ndata: b\n\n");
  EXPECT_FALSE(relay_->filter_refusal());
  EXPECT_EQ(feed("15\r\nata: c\n\ndata: bad!\n\n \r\n0\r\n\r\n"), "data: c\n\n");
  ASSERT_TRUE(relay_->filter_refusal());
  EXPECT_EQ(relay_->filter_refusal()->message, "no");
  EXPECT_EQ(relay_->end_refused("data: over\n\n"), "data: over\n\n");
}

TEST_F(BodyRelayTest, AnEventThatComesWithTheEndOfTheBodyIsFilteredToo) {
  const FilterChain chain = chain_of("bad");
  begin({.events = &chain});
  EXPECT_EQ(feed("b\r\ndata: bad\n\n\r\n0\r\n\r\n"), "");
  ASSERT_TRUE(relay_->filter_refusal());
  EXPECT_EQ(relay_->end_refused("data: over\n\n"), "c\r\ndata: over\n\n\r\n0\r\n\r\n");
}

}  // namespace
}  // namespace insula::gateway
