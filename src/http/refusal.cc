#include "http/refusal.h"

#include <fmt/format.h>

namespace insula::http {

std::string_view describe(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kMethod:
      return "method is not a token";
    case Refusal::kTarget:
      return "request target has a forbidden character";
    case Refusal::kTargetForm:
      return "request target is not a path";
    case Refusal::kTargetTooLong:
      return "request target is too long";
    case Refusal::kRequestLine:
      return "malformed request line";
    case Refusal::kStatusLine:
      return "malformed status line";
    case Refusal::kVersion:
      return "not HTTP/1.0 or HTTP/1.1";
    case Refusal::kFieldName:
      return "header name is not a token";
    case Refusal::kSpaceBeforeColon:
      return "white space between header name and colon";
    case Refusal::kLineFolding:
      return "folded header line";
    case Refusal::kBareCr:
      return "carriage return without line feed";
    case Refusal::kBareLf:
      return "line feed without carriage return";
    case Refusal::kControlCharacter:
      return "control character in the head";
    case Refusal::kTooManyFields:
      return "too many headers";
    case Refusal::kHeadTooLarge:
      return "head is too large";
    case Refusal::kHostMissing:
      return "no host header";
    case Refusal::kHostRepeated:
      return "more than one host header";
    case Refusal::kHostInvalid:
      return "host header is not a host and port";
    case Refusal::kContentLength:
      return "content-length is not a plain decimal number";
    case Refusal::kContentLengthRepeated:
      return "more than one content-length";
    case Refusal::kTransferCoding:
      return "transfer-encoding is not chunked";
    case Refusal::kTransferEncodingRepeated:
      return "more than one transfer-encoding";
    case Refusal::kLengthAndTransferEncoding:
      return "both content-length and transfer-encoding";
    case Refusal::kTransferEncodingInHttp10:
      return "transfer-encoding in an HTTP/1.0 message";
    case Refusal::kLookalikeName:
      return "header name that imitates a framing header";
    case Refusal::kConnectionNamesFraming:
      return "connection header names a framing header";
    case Refusal::kExpectation:
      return "expectation is not 100-continue";
    case Refusal::kBodyForbidden:
      return "body announced where the status forbids one";
    case Refusal::kChunkSize:
      return "chunk size is not a plain hexadecimal number";
    case Refusal::kChunkExtension:
      return "malformed or too long chunk extension";
    case Refusal::kChunkEnd:
      return "chunk is not ended by a line end";
    case Refusal::kTrailer:
      return "malformed or too long trailer";
  }
  return "unknown";
}

int status_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kTargetTooLong:
      return 414;
    case Refusal::kExpectation:
      return 417;
    case Refusal::kTooManyFields:
    case Refusal::kHeadTooLarge:
      return 431;
    case Refusal::kTransferCoding:
      return 501;
    case Refusal::kVersion:
      return 505;
    default:
      return 400;
  }
}

Error request_error(Refusal refusal) {
  return Error(ErrorCode::kBadRequest, fmt::format("bad request: {}", describe(refusal)));
}

Error response_error(Refusal refusal) {
  return Error(ErrorCode::kUpstream, fmt::format("bad response: {}", describe(refusal)));
}

}  // namespace insula::http
