#include "gateway/header_modifier.h"

#include <fmt/format.h>

#include "http/message.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

Result<> check_name(api::MessageSide side, const std::string& name) {
  if (http::is_token(name) && api::may_modify_header(side, name)) return {};
  return fail(ErrorCode::kInvalid, fmt::format("no filter may change the header {}", name));
}

}  // namespace

Result<std::unique_ptr<const Filter>> HeaderModifier::make(const HeaderModifierConfig& config) {
  for (const auto* headers : {&config.edits.set, &config.edits.add}) {
    for (const auto& [name, value] : *headers) {
      INSULA_TRY_VOID(check_name(config.side, name));
      if (!http::is_field_value(value))
        return fail(ErrorCode::kInvalid, fmt::format("the value of {} cannot be sent", name));
    }
  }
  for (const std::string& name : config.edits.remove)
    INSULA_TRY_VOID(check_name(config.side, name));
  return std::make_unique<const HeaderModifier>(config);
}

}  // namespace insula::gateway
