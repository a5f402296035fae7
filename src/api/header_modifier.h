#pragma once

#include <cstdint>
#include <string_view>

namespace insula::api {

enum class MessageSide : std::uint8_t { kRequest, kResponse };

/// Whether a header of this name, in any case, is for the gateway alone to say, in requests and
/// replies: none of a Tenant's filters and no route may change it. `_` counts as `-`, as CGI and
/// what came of it read names.
[[nodiscard]] bool is_the_gateways_header(std::string_view name);

/// Whether a filter of a Tenant may change headers of this name, in any case: none that carries a
/// credential, describes the body, or is the gateway's.
[[nodiscard]] bool may_modify_header(MessageSide side, std::string_view name);

}  // namespace insula::api
