#pragma once

#include <string>
#include <string_view>

#include "api/gen/meta_v1.h"
#include "apiserver/registry.h"
#include "base/error.h"

namespace insula::apiserver {

/// `Operation cannot be fulfilled on pods "x": why`, or `pods/binding "x"` where that is what
/// cannot.
[[nodiscard]] std::unexpected<Error> conflict(const Target& target,
                                              std::string_view why,
                                              std::string_view subresource = {});

/// Why a write is refused that is meant for an object with another uid.
[[nodiscard]] std::string other_uid(std::string_view asked, std::string_view present);

/// Whether what a writer sent has the name that the URL has. Errors: kBadRequest.
[[nodiscard]] Result<> check_name(std::string_view sent, std::string_view name);

/// Whether what a writer sent has the name and, if any, the namespace of the present object.
/// Errors: kBadRequest.
[[nodiscard]] Result<> check_place(const api::ObjectMeta& next, const api::ObjectMeta& present);

/// Whether an object that is to take the place of the present one is meant to: it need not say
/// which uid that has. Errors: kBadRequest, kConflict.
[[nodiscard]] Result<> check_replaced(const Target& target,
                                      const api::ObjectMeta& next,
                                      const api::ObjectMeta& present);

/// Whether the writer of a change has seen the present version. Errors: kConflict, and kInvalid
/// where a kind wants a version and there is none.
[[nodiscard]] Result<> check_version(const Target& target,
                                     const api::ObjectMeta& next,
                                     const api::ObjectMeta& present);

/// What a deletion asks of the present object. Errors: kConflict.
[[nodiscard]] Result<> check_preconditions(const Target& target,
                                           const DeleteQuery& query,
                                           const api::ObjectMeta& present);

}  // namespace insula::apiserver
