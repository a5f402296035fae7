#pragma once

#include <cstdint>
#include <string_view>

#include "api/field_errors.h"
#include "api/gen/core_v1.h"
#include "api/gen/meta_v1.h"
#include "api/int_or_string.h"

/// Rules that the kinds which make pods from a template have in common.
namespace insula::api {

void not_negative(std::int64_t value, const FieldPath& path, FieldErrors& errors);

/// `spec.selector`: there, not empty, and met by the labels of `spec.template`. `workload` is how
/// the message on an empty one calls the kind.
void validate_selected_pods(const Box<LabelSelector>& selector,
                            const PodTemplateSpec& pods,
                            std::string_view workload,
                            FieldErrors& errors);

/// `spec.template.spec` of a kind whose pods are to run for ever.
void validate_lasting_pods(const PodSpec& pods, std::string_view kind, FieldErrors& errors);

/// The value of `7` or the number before `%`; -1 when it is neither.
[[nodiscard]] std::int32_t count_or_percent(const IntOrString& value);
void validate_count_or_percent(const IntOrString& value,
                               const FieldPath& path,
                               FieldErrors& errors);
/// That a percentage is no more than 100.
void validate_at_most_all(const IntOrString& value, const FieldPath& path, FieldErrors& errors);

void validate_selector_update(const Box<LabelSelector>& selector,
                              const Box<LabelSelector>& old,
                              FieldErrors& errors);

}  // namespace insula::api
