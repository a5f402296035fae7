#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;  // NOLINT(readability-identifier-naming): zlib's

namespace insula::apiserver {

/// Answers from this size on are compressed for clients that take it, as Kubernetes does: smaller
/// ones cost more time than they save.
inline constexpr std::size_t kGzipBytesMin = std::size_t{128} << 10;

/// Whether `gzip` is among the codings of an Accept-Encoding header. Spec: RFC 9110, 12.5.3.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

/// Compresses a body piece by piece, fast rather than small. Format: RFC 1952. Memory: 256 KiB.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  /// What of the compressed body is ready; may be empty.
  [[nodiscard]] std::string add(std::string_view piece);
  /// The rest of it. Nothing may be added afterwards.
  [[nodiscard]] std::string finish();

 private:
  std::string deflate(std::string_view piece, int flush);

  std::unique_ptr<z_stream_s> stream_;
};

}  // namespace insula::apiserver
