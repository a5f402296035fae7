#include "http/framing.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace insula::http {
namespace {

struct Body {
  std::string payload;
  std::size_t used = 0;
  Refusal refusal = Refusal::kNone;
  bool done = false;

  bool operator==(const Body&) const = default;
};

/// Feeds `text` in pieces of `size` bytes.
Body read_in_pieces(BodyFramer framer, std::string_view text, std::size_t size) {
  Body body;
  while (!text.empty() && !framer.done() && framer.refusal() == Refusal::kNone) {
    const std::string_view piece = text.substr(0, size);
    std::string_view rest = piece;
    while (!rest.empty() && !framer.done() && framer.refusal() == Refusal::kNone) {
      const auto step = framer.next(rest);
      body.payload += step.data;
      body.used += step.used;
      rest.remove_prefix(step.used);
    }
    text.remove_prefix(piece.size());
  }
  body.refusal = framer.refusal();
  body.done = framer.done();
  return body;
}

constexpr std::string_view kChunks =
    "5\r\nhello\r\n"
    "00000001\r\n \r\n"
    "A;name=value;other=\"quoted\"\r\n0123456789\r\n"
    "0\r\n"
    "X-Checksum: abc\r\n"
    "\r\n";

TEST(BodyFramer, DecodesChunksWhereverTheyAreCut) {
  const std::string text = std::string(kChunks) + "GET / HTTP/1.1\r\n";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    const Body body = read_in_pieces(BodyFramer::chunked(), text, size);
    EXPECT_EQ(body, (Body{"hello 0123456789", kChunks.size(), Refusal::kNone, true})) << size;
  }
}

TEST(BodyFramer, PassesExactlyTheBodyOn) {
  BodyFramer framer = BodyFramer::chunked();
  const std::string text = std::string(kChunks) + "next";
  EXPECT_EQ(framer.pass(text), kChunks.size());
  EXPECT_TRUE(framer.done());
  EXPECT_EQ(framer.pass("next"), 0u);
}

TEST(BodyFramer, DecodesInPlace) {
  std::string text = std::string(kChunks) + "next";
  BodyFramer framer = BodyFramer::chunked();
  const auto decoded = framer.decode(text);
  EXPECT_EQ(text.substr(0, decoded.payload), "hello 0123456789");
  EXPECT_EQ(text.substr(decoded.used), "next");
  EXPECT_TRUE(framer.done());
}

TEST(BodyFramer, CountsALengthDown) {
  const Body body = read_in_pieces(BodyFramer::of_length(5), "helloGET", 3);
  EXPECT_EQ(body, (Body{"hello", 5, Refusal::kNone, true}));
  EXPECT_TRUE(BodyFramer::of_length(0).done());
}

TEST(BodyFramer, TakesEverythingUntilTheConnectionCloses) {
  BodyFramer framer = BodyFramer::until_close();
  EXPECT_EQ(framer.pass("anything"), 8u);
  EXPECT_FALSE(framer.done());
  EXPECT_TRUE(framer.is_until_close());
}

TEST(BodyFramer, RefusesOddChunks) {
  struct Row {
    const char* why;
    std::string text;
    Refusal refusal;
  };

  const std::vector<Row> table = {
      {"no size", "\r\nhello\r\n", Refusal::kChunkSize},
      {"prefix 0x", "0x5\r\nhello\r\n", Refusal::kChunkSize},
      {"sign", "+5\r\nhello\r\n", Refusal::kChunkSize},
      {"minus", "-5\r\nhello\r\n", Refusal::kChunkSize},
      {"underscore", "1_0\r\nhello\r\n", Refusal::kChunkSize},
      {"leading space", " 5\r\nhello\r\n", Refusal::kChunkSize},
      {"trailing space", "5 \r\nhello\r\n", Refusal::kChunkSize},
      {"tab before the extension", "5\t;a\r\nhello\r\n", Refusal::kChunkSize},
      {"bare line feed after the size", "5\nhello\r\n", Refusal::kChunkSize},
      {"bare carriage return after the size", "5\rhello\r\n", Refusal::kChunkSize},
      {"size that wraps 64 bits", "10000000000000005\r\nhello\r\n", Refusal::kChunkSize},
      {"size near 64 bits", "FFFFFFFFFFFFFFFF\r\nhello\r\n", Refusal::kChunkSize},
      {"zeros without end", std::string(17, '0') + "\r\n", Refusal::kChunkSize},
      {"bare line feed in the extension", "5;a\nhello\r\n", Refusal::kChunkExtension},
      {"control character in the extension", "5;\x01\r\nhello\r\n", Refusal::kChunkExtension},
      {"extension without end", "5;" + std::string(BodyFramer::kChunkOverheadMax + 1, 'a'),
       Refusal::kChunkExtension},
      {"chunk longer than announced", "5\r\nhello!\r\n", Refusal::kChunkEnd},
      {"chunk without line end", "5\r\nhello5\r\n", Refusal::kChunkEnd},
      {"bare line feed after the chunk", "5\r\nhello\n", Refusal::kChunkEnd},
      {"bare carriage return after the chunk", "5\r\nhello\r0\r\n", Refusal::kChunkEnd},
      {"bare line feed after the last chunk", "0\r\n\n", Refusal::kTrailer},
      {"folded trailer", "0\r\n A: b\r\n", Refusal::kTrailer},
      {"space before the colon of a trailer", "0\r\nA : b\r\n", Refusal::kTrailer},
      {"trailer without colon", "0\r\nA\r\n", Refusal::kTrailer},
      {"bare line feed in a trailer", "0\r\nA: b\n", Refusal::kTrailer},
      {"request instead of a trailer", "0\r\nGET / HTTP/1.1\r\n", Refusal::kTrailer},
      {"trailers without end", "0\r\nA: " + std::string(BodyFramer::kChunkOverheadMax, 'b'),
       Refusal::kTrailer},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(read_in_pieces(BodyFramer::chunked(), row.text, row.text.size()).refusal,
              row.refusal);
    EXPECT_EQ(read_in_pieces(BodyFramer::chunked(), row.text, 1).refusal, row.refusal);
  }
}

TEST(BodyFramer, UsesNothingAfterARefusal) {
  BodyFramer framer = BodyFramer::chunked();
  EXPECT_EQ(framer.pass("5\r\nhelloX"), 8u);
  EXPECT_EQ(framer.refusal(), Refusal::kChunkEnd);
  EXPECT_EQ(framer.pass("\r\n"), 0u);
  EXPECT_FALSE(framer.done());
}

BodyFramer framer_of(std::string_view text, std::string_view method) {
  ResponseHead head;
  EXPECT_EQ(parse_response(text, 0, {}, head), ParseStatus::kComplete);
  return BodyFramer::of(head, method);
}

TEST(BodyFramer, KnowsWhichResponsesHaveNoBody) {
  EXPECT_TRUE(framer_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").done());
  EXPECT_TRUE(framer_of("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET").done());
  EXPECT_TRUE(framer_of("HTTP/1.1 204 No Content\r\n\r\n", "GET").done());
  EXPECT_TRUE(framer_of("HTTP/1.1 100 Continue\r\n\r\n", "GET").done());
  EXPECT_FALSE(framer_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "GET").done());
  EXPECT_TRUE(framer_of("HTTP/1.1 200 OK\r\n\r\n", "GET").is_until_close());
  EXPECT_TRUE(
      framer_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET").is_chunked());
}

TEST(BodyFramer, GivesARequestWithoutLengthNoBody) {
  RequestHead head;
  ASSERT_EQ(parse_request("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 0, {}, head),
            ParseStatus::kComplete);
  EXPECT_TRUE(BodyFramer::of(head).done());
}

}  // namespace
}  // namespace insula::http
