#pragma once

#include <string_view>

#include "api/codec.h"
#include "api/schema.h"
#include "apiserver/negotiation.h"
#include "apiserver/object.h"
#include "base/error.h"

namespace insula::apiserver {

/// Largest request body.
inline constexpr std::size_t kBodyBytesMax = std::size_t{3} << 20;

/// Reads a request body as a struct of `type`.
///
/// Errors: kBadRequest, with every unknown field when strict; kUnsupportedMedia.
[[nodiscard]] Result<Object> decode_body(const api::TypeInfo& type,
                                         BodyFormat format,
                                         std::string_view body,
                                         api::Strictness strictness,
                                         api::DecodeReport& report);

}  // namespace insula::apiserver
