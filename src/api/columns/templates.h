#pragma once

#include <string>

#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/strategy.h"

/// What the wide rows of all kinds with a pod template show.
namespace insula::api {

/// Names of the containers, with commas between them.
[[nodiscard]] std::string container_names(const PodSpec& pods);
[[nodiscard]] std::string container_images(const PodSpec& pods);
/// selector_text(), or `<none>`.
[[nodiscard]] std::string selector_cell(const Box<LabelSelector>& selector);

inline constexpr Column kContainersColumn{"Containers", "string", "",
                                          "Names of the template's containers.", 1};
inline constexpr Column kImagesColumn{"Images", "string", "",
                                      "Images of the template's containers.", 1};
inline constexpr Column kSelectorColumn{"Selector", "string", "", "Labels of the pods.", 1};

}  // namespace insula::api
