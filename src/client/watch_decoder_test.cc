#include "client/watch_decoder.h"

#include <gtest/gtest.h>

namespace insula::client {
namespace {

constexpr std::string_view kStream =
    "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"a\":1}}\n"
    "{ \"object\": {\"b\": 2}, \"type\": \"MODIFIED\" }\r\n"
    "\n"
    "{\"type\":\"BOOKMARK\",\"object\":{}}\n";

std::vector<std::string> drain(WatchDecoder& decoder) {
  std::vector<std::string> found;
  while (auto event = decoder.next()) {
    found.push_back(*event ? std::to_string(static_cast<int>((*event)->type)) + (*event)->object
                           : "error " + event->error().message());
  }
  return found;
}

TEST(WatchDecoder, ReadsTheSameEventsHoweverTheBytesArrive) {
  WatchDecoder whole(1000);
  whole.feed(kStream);
  const std::vector<std::string> expected = drain(whole);
  ASSERT_EQ(expected.size(), 3U);
  EXPECT_EQ(expected[0], "0{\"kind\":\"Pod\",\"a\":1}");
  EXPECT_EQ(expected[1], "1{\"b\":2}");
  EXPECT_EQ(expected[2], "3{}");
  for (std::size_t size = 1; size < kStream.size(); ++size) {
    WatchDecoder pieces(1000);
    std::vector<std::string> found;
    for (std::size_t at = 0; at < kStream.size(); at += size) {
      pieces.feed(kStream.substr(at, size));
      for (std::string& event : drain(pieces))
        found.push_back(std::move(event));
    }
    EXPECT_EQ(found, expected) << size;
  }
}

TEST(WatchDecoder, TurnsAnErrorEventIntoItsError) {
  WatchDecoder decoder(1000);
  decoder.feed(
      R"x({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version: 1 (5)"}})x"
      "\n");
  const auto event = decoder.next();
  ASSERT_TRUE(event && !*event);
  EXPECT_EQ(event->error().code(), ErrorCode::kExpired);
  EXPECT_EQ(event->error().message(), "too old resource version: 1 (5)");
}

TEST(WatchDecoder, RefusesWhatIsNoEventOrTooLarge) {
  WatchDecoder decoder(20);
  decoder.feed("hello\n");
  EXPECT_EQ(decoder.next()->error().code(), ErrorCode::kUpstream);
  decoder.feed(std::string(21, 'x'));
  EXPECT_EQ(decoder.next()->error().message(), "watch event too large");
}

}  // namespace
}  // namespace insula::client
