#include "api/custom/kind_catalog.h"

#include "api/custom/custom_kind.h"

namespace insula::api {

const Kind* KindCatalog::find(std::string_view group,
                              std::string_view version,
                              std::string_view plural) {
  if (const Kind* built_in = find_kind(group, version, plural)) return built_in;
  for (const Kind* kind : served()) {
    if (kind->plural == plural && kind->group == group && kind->version == version) return kind;
  }
  return nullptr;
}

const Kind* KindCatalog::find(std::string_view api_version, std::string_view kind) {
  if (const Kind* built_in = find_kind(api_version, kind)) return built_in;
  for (const Kind* candidate : served()) {
    if (candidate->kind == kind && custom_kind(*candidate) != nullptr &&
        candidate->api_version() == api_version)
      return candidate;
  }
  return nullptr;
}

}  // namespace insula::api
