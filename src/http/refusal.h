#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace insula::http {

/// Why a message is not understood. Each is either a syntax error or a message that two servers in
/// a chain may read differently, which is how requests are smuggled past a gateway; none is
/// repaired.
enum class Refusal : std::uint8_t {
  kNone,
  // Start line.
  kMethod,
  kTarget,
  kTargetForm,
  kTargetTooLong,
  kRequestLine,
  kStatusLine,
  kVersion,
  // Field lines.
  kFieldName,
  kSpaceBeforeColon,
  kLineFolding,
  kBareCr,
  kBareLf,
  kControlCharacter,
  kTooManyFields,
  kHeadTooLarge,
  // Fields that say where the message ends or where it goes.
  kHostMissing,
  kHostRepeated,
  kHostInvalid,
  kContentLength,
  kContentLengthRepeated,
  kTransferCoding,
  kTransferEncodingRepeated,
  kLengthAndTransferEncoding,
  kTransferEncodingInHttp10,
  kLookalikeName,
  kConnectionNamesFraming,
  kExpectation,
  kBodyForbidden,
  // Chunked bodies.
  kChunkSize,
  kChunkExtension,
  kChunkEnd,
  kTrailer,
};

/// One lower-case phrase for logs and error bodies: "both content-length and transfer-encoding".
[[nodiscard]] std::string_view describe(Refusal refusal);

/// The status a server answers with: 400, 414, 417, 431, 501 or 505.
[[nodiscard]] int status_of(Refusal refusal);

/// As an Error of a request (the client's fault) or of a response (the upstream's).
[[nodiscard]] Error request_error(Refusal refusal);
[[nodiscard]] Error response_error(Refusal refusal);

}  // namespace insula::http
