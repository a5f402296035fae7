#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "apiserver/registry.h"
#include "base/error.h"
#include "http/message.h"

namespace insula::apiserver {

// What a request says beside what it is about, read and judged as Kubernetes does. Errors: for what
// cannot be read kBadRequest, in Go's words; for values that are wrong kInvalid, of all of them at
// once and about the options, such as `PatchOptions.meta.k8s.io ""`.

/// A number in the query; nullopt where there is none.
[[nodiscard]] Result<std::optional<std::int64_t>> query_number(const http::Request& request,
                                                               std::string_view name);

/// Whether a parameter is given and means yes (is_yes()).
[[nodiscard]] bool query_flag(const http::Request& request, std::string_view name);

enum class WriteVerb : std::uint8_t { kCreate, kUpdate, kPatch, kApply };

/// Create, update and patch.
struct WriteOptions {
  bool dry_run = false;
  api::Strictness strictness = api::Strictness::kWarn;
  std::string field_manager = {};  // as given; empty: not
  bool force = false;              // of an apply
};

/// `CreateOptions`, `UpdateOptions` or `PatchOptions`.
[[nodiscard]] std::string_view options_kind(WriteVerb verb);

[[nodiscard]] Result<WriteOptions> write_options(const http::Request& request, WriteVerb verb);

/// Of a list, and of what is to be deleted of a collection.
[[nodiscard]] Result<ListQuery> list_options(const http::Request& request, const api::Kind& kind);

struct WatchOptions {
  bool bookmarks = false;
  std::optional<bool> send_initial_events = {};
  std::string resource_version = {};
  std::optional<std::int64_t> timeout_seconds = {};
};

[[nodiscard]] Result<WatchOptions> watch_options(const http::Request& request);

/// Those of a deletion that has no body. `verb`: with deletecollection a resourceVersion is of the
/// list, with delete a precondition.
[[nodiscard]] Result<api::DeleteOptions> delete_options(const http::Request& request,
                                                        std::string_view verb);

[[nodiscard]] Result<DeleteQuery> delete_query(const api::DeleteOptions& options);

/// Judges what a request for the log of a pod asks for; the pod's node reads it.
[[nodiscard]] Result<> check_log_options(const http::Request& request, std::string_view pod);

}  // namespace insula::apiserver
