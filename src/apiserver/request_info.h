#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace insula::apiserver {

/// What a request is about, read from its method and path alone: the input of authorisation.
///
/// Spec: Kubernetes API Concepts, "Resource URIs" and "API verbs".
struct RequestInfo {
  /// False for /healthz, /version, discovery and the like; then only `verb` and `path` are filled.
  bool is_resource = false;
  /// get, list, watch, create, update, patch, delete, deletecollection; nothing for OPTIONS, which
  /// only a proxy takes. The lower-case method of what is no resource. Of `/api/v1/watch/...` and
  /// `/apis/GROUP/VERSION/watch/...` it is watch, whatever the method.
  std::string verb;
  std::string path;
  std::string group;  // empty for the core group
  std::string version;
  std::string name_space;
  std::string resource;
  std::string name;
  std::string subresource;
  /// Segments after the subresource, as in `pods/x/proxy/a/b`.
  std::string rest;
  /// As it was given; a right to some objects only is a right to lists and watches that select
  /// them.
  std::string field_selector;

  /// "pods", "deployments.apps".
  [[nodiscard]] std::string group_resource() const;
};

/// Whether a word of a query means yes: all do but `false` and `0`, the empty one too.
[[nodiscard]] bool is_yes(std::string_view word);

/// Reads the request line. `target` is the path with its query, as on the wire.
///
/// Errors: kBadRequest for a path that two readers could understand differently.
[[nodiscard]] Result<RequestInfo> parse_request_info(std::string_view method,
                                                     std::string_view target);

}  // namespace insula::apiserver
