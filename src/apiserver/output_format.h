#pragma once

#include <string>
#include <string_view>

#include "api/kind.h"
#include "apiserver/negotiation.h"
#include "base/error.h"

namespace insula::apiserver {

/// An object, in JSON with apiVersion and kind, in another format.
/// Errors: kInternal when it has no such form.
[[nodiscard]] Result<std::string> in_format(BodyFormat format, std::string json);

/// Appends the protobuf message of an object, without envelope. Requires: api::has_protobuf().
void append_protobuf_message(const api::Kind& kind, const void* object, std::string& out);

/// The same in its envelope.
[[nodiscard]] std::string encode_protobuf(const api::Kind& kind, const void* object);

/// An event of a watch: a line of JSON, or a WatchEvent after its length in four bytes, the highest
/// first. `object` is of the same format.
[[nodiscard]] std::string watch_event(BodyFormat format,
                                      std::string_view type,
                                      std::string_view object);

}  // namespace insula::apiserver
