#include "http/sse.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace insula::http {
namespace {

std::vector<ServerSentEvent> read(std::string_view text, std::size_t piece) {
  SseReader reader(1000);
  std::vector<ServerSentEvent> events;
  while (!text.empty()) {
    std::string_view bytes = text.substr(0, piece);
    text.remove_prefix(bytes.size());
    while (auto event = reader.next(bytes))
      events.push_back(*std::move(event));
  }
  return events;
}

TEST(SseReader, ReadsEventsWhereverTheyAreCutAndWhicheverLineEndTheyUse) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const std::string text =
        "\xef\xbb\xbf"
        "data: one" +
        end + end +                                                 //
        ": comment" + end + "event: delta" + end + "id: 7" + end +  //
        "data:two" + end + "data:  three" + end + end +             //
        "event: nothing" + end + end +                              //
        "data" + end + end + "data: unfinished" + end;
    const std::vector<ServerSentEvent> expected = {
        {"", "one", ""}, {"delta", "two\n three", "7"}, {"", "", "7"}};
    for (std::size_t piece = 1; piece <= text.size(); ++piece)
      EXPECT_EQ(read(text, piece), expected) << piece;
  }
}

TEST(SseReader, ReadsTheTimeToWait) {
  SseReader reader(100);
  std::string_view text = "retry: 1500\nretry: 1x\n\n";
  EXPECT_FALSE(reader.next(text));
  EXPECT_EQ(reader.retry(), std::chrono::milliseconds(1500));
}

TEST(SseReader, FailsForAnEventThatIsTooLarge) {
  SseReader reader(100);
  for (int i = 0; i < 50 && !reader.failed(); ++i) {
    std::string_view text = "data: x\n";
    EXPECT_FALSE(reader.next(text));
  }
  EXPECT_TRUE(reader.failed());
  std::string_view text = "\n\ndata: x\n\n";
  EXPECT_FALSE(reader.next(text));
}

TEST(SseText, IsReadBackAsItWas) {
  const ServerSentEvent event{"delta", "a\nb\n", "9"};
  EXPECT_EQ(read(sse_text(event), 3), std::vector{event});
  EXPECT_EQ(sse_text({"", "[DONE]", ""}), "data: [DONE]\n\n");
}

}  // namespace
}  // namespace insula::http
