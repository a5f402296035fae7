#pragma once

#include <cstdint>
#include <string_view>

namespace insula::api {

enum class MessageSide : std::uint8_t { kRequest, kResponse };

/// Whether a filter of a Tenant may change headers of this name, in any case: none that carries a
/// credential, speaks of one connection, frames or describes the body, or is the gateway's own to
/// say. `_` counts as `-`, as CGI and what came of it read names.
[[nodiscard]] bool may_modify_header(MessageSide side, std::string_view name);

}  // namespace insula::api
