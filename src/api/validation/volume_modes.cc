#include "api/validation/volume_modes.h"

#include <algorithm>
#include <array>

#include "api/validation/names.h"

namespace insula::api {

void validate_access_modes(const std::vector<std::string>& modes,
                           const FieldPath& path,
                           FieldErrors& errors) {
  constexpr std::array<std::string_view, 4> kModes = {"ReadOnlyMany", "ReadWriteMany",
                                                      "ReadWriteOnce", "ReadWriteOncePod"};
  bool one_pod = false, others = false;
  for (const std::string& mode : modes) {
    if (std::ranges::find(kModes, mode) == kModes.end()) {
      errors.not_supported(path, mode, std::vector<std::string_view>(kModes.begin(), kModes.end()));
    } else if (mode == "ReadWriteOncePod") {
      one_pod = true;
    } else {
      others = true;
    }
  }
  if (one_pod && others)
    errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
}

void validate_volume_mode(const std::optional<std::string>& mode,
                          const FieldPath& path,
                          FieldErrors& errors) {
  if (mode && *mode != "Block" && *mode != "Filesystem")
    errors.not_supported(path, *mode, {"Block", "Filesystem"});
}

void validate_class_name(const std::optional<std::string>& name,
                         const FieldPath& path,
                         FieldErrors& errors) {
  if (name && !name->empty()) errors.invalid_each(path, *name, check_dns1123_subdomain(*name));
}

}  // namespace insula::api
