#include "apiserver/compression.h"

#include <array>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "apiserver/test_server.h"

namespace insula::apiserver {
namespace {

std::string gunzip(std::string text) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  std::string out;
  std::array<char, 4096> buffer{};
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  const bool whole = state == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? out : "not whole: " + out.substr(0, 100);
}

TEST(AcceptsGzip, WhereItIsNamedAndNotRefused) {
  for (const char* header : {"gzip", "br, GZIP", "deflate,gzip;q=0.5", "gzip ; q=1"})
    EXPECT_TRUE(accepts_gzip(header)) << header;
  for (const char* header : {"", "br", "xgzip", "gzip;q=0", "gzip;q=0.000, br", "identity"})
    EXPECT_FALSE(accepts_gzip(header)) << header;
}

TEST(GzipStream, ItsPiecesAreOneBody) {
  GzipStream gzip;
  std::string plain;
  std::string packed;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = fmt::format("{} and {}\n", i, i * i);
    plain += piece;
    packed += gzip.add(piece);
  }
  packed += gzip.add("");
  packed += gzip.finish();
  EXPECT_LT(packed.size(), plain.size());
  EXPECT_EQ(gunzip(packed), plain);
  GzipStream empty;
  EXPECT_EQ(gunzip(empty.finish()), "");
}

class GzipTest : public ::testing::Test {
 protected:
  GzipTest() {
    server.send("POST", "/api/v1/namespaces", R"({"metadata":{"name":"a"}})");
    make("small", 100);
    make("large", 200'000);
  }

  void make(const std::string& name, std::size_t size) {
    const std::string body = fmt::format(R"({{"metadata":{{"name":"{}"}},"data":{{"v":"{}"}}}})",
                                         name, std::string(size, 'x'));
    EXPECT_EQ(server.send("POST", kPath, body).status, 201);
  }

  http::Response get(const std::string& target, const std::string& accept_encoding) {
    http::Request request = server.request("GET", target);
    if (!accept_encoding.empty()) request.headers.set("Accept-Encoding", accept_encoding);
    return server.send(std::move(request));
  }

  static constexpr const char* kPath = "/api/v1/namespaces/a/configmaps";
  TestServer server;
};

TEST_F(GzipTest, LongAnswersAreCompressedForWhoTakesIt) {
  for (const char* more : {"", "/large"}) {
    const std::string target = std::string(kPath) + more;
    const auto plain = get(target, "br");
    const auto packed = get(target, "br, gzip");
    EXPECT_FALSE(plain.headers.contains("Content-Encoding"));
    EXPECT_EQ(plain.headers.get("Vary"), "Accept-Encoding");
    EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(packed.headers.get("Vary"), "Accept-Encoding");
    EXPECT_LT(packed.body.size(), plain.body.size() / 10);
    EXPECT_EQ(gunzip(packed.body), plain.body);
  }
  EXPECT_FALSE(get(std::string(kPath) + "/small", "gzip").headers.contains("Content-Encoding"));
}

TEST_F(GzipTest, ListsOfManyPiecesAreOneBody) {
  for (int i = 0; i < 20; ++i)
    make(fmt::format("more-{}", i), 60'000);
  const auto plain = get(kPath, "");
  const auto packed = get(kPath, "gzip");
  EXPECT_GT(plain.body.size(), 1'000'000U);
  EXPECT_EQ(packed.headers.get("Content-Encoding"), "gzip");
  EXPECT_EQ(gunzip(packed.body), plain.body);
}

}  // namespace
}  // namespace insula::apiserver
