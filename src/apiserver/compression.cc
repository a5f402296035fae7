#include "apiserver/compression.h"

#include <algorithm>
#include <array>

#define ZLIB_CONST
#include <zlib.h>

#include "base/check.h"
#include "http/scan.h"

namespace insula::apiserver {

namespace {

constexpr int kLevel = 1;
constexpr int kGzipWindow = 15 + 16;  // the largest, in gzip's format
constexpr int kMemory = 8;

/// `q=0` and its longer spellings: not at all.
bool is_refused(std::string_view parameters) {
  const std::size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return false;
  const std::string_view value = http::trim(parameters.substr(q + 2));
  return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  for (std::string_view coding = http::next_element(accept_encoding); !coding.empty();
       coding = http::next_element(accept_encoding)) {
    const std::size_t semicolon = std::min(coding.find(';'), coding.size());
    if (http::token_is(http::trim(coding.substr(0, semicolon)), "gzip"))
      return !is_refused(coding.substr(semicolon));
  }
  return false;
}

GzipStream::GzipStream() : stream_(std::make_unique<z_stream_s>()) {
  const int made =
      deflateInit2(stream_.get(), kLevel, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY);
  INSULA_CHECK(made == Z_OK, "no memory for a compressor");
}

GzipStream::~GzipStream() {
  deflateEnd(stream_.get());
}

std::string GzipStream::add(std::string_view piece) {
  return deflate(piece, Z_NO_FLUSH);
}

std::string GzipStream::finish() {
  return deflate({}, Z_FINISH);
}

std::string GzipStream::deflate(std::string_view piece, int flush) {
  std::string out;
  std::array<char, 16uz * 1024> buffer;  // NOLINT(*-member-init): written before it is read
  stream_->next_in = reinterpret_cast<const Bytef*>(piece.data());
  stream_->avail_in = static_cast<uInt>(piece.size());
  do {
    stream_->next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_->avail_out = buffer.size();
    ::deflate(stream_.get(), flush);
    out.append(buffer.data(), buffer.size() - stream_->avail_out);
  } while (stream_->avail_out == 0);
  return out;
}

}  // namespace insula::apiserver
