#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/api_key.h"
#include "gateway/backend.h"
#include "gateway/config.h"

namespace insula::gateway {

struct Tenant;

/// Where requests for some paths of a site go.
struct SiteRoute {
  Backend backend;
  RouteAccess access = RouteAccess::kEverybody;
};

/// A host that is not the gateway's own: whose it is and where its paths lead.
///
/// Paths are compared as they are written, segment by segment: an exact one with all of the path,
/// a prefix with its beginning, whatever slash is at its end. The longest that fits counts, and of
/// two of the same length the exact one.
///
/// Cost: find() is a look-up for the whole path and one for each segment.
class Site {
 public:
  explicit Site(const Tenant& owner) : owner_(&owner) {}

  /// Does nothing when there is a route for the same path.
  void add(std::string_view path, bool exact, SiteRoute route);

  /// nullptr: none.
  [[nodiscard]] const SiteRoute* find(std::string_view path) const;

  [[nodiscard]] const Tenant& owner() const { return *owner_; }

  [[nodiscard]] const std::vector<SiteRoute>& routes() const { return routes_; }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  template <class T>
  using ByText = std::unordered_map<std::string, T, ApiKeys::TextHash, std::equal_to<>>;

  /// A place in the tree of prefixes.
  struct Node {
    ByText<std::size_t> children;  // by segment
    std::size_t route = kNone;
  };

  const Tenant* owner_;
  std::vector<SiteRoute> routes_;
  ByText<std::size_t> exact_;
  std::vector<Node> nodes_{1};
};

/// A host as it is compared: in lower case, without port and without the dot that names may end
/// with. Empty for what is no name, such as an IPv6 address.
class HostName {
 public:
  explicit HostName(std::string_view host);

  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  static constexpr std::size_t kMax = 255;

  std::array<char, kMax> bytes_;
  std::size_t size_ = 0;
};

/// What is known by host: the host itself, else the wildcard for its first label, else what is for
/// every host.
///
/// Cost: find() is two look-ups.
template <class T>
class ByHost {
 public:
  /// `host`: in lower case, `*.` for a wildcard, empty for every host. Does nothing when there is
  /// one already.
  void add(std::string_view host, T value) {
    const bool wildcard = host.starts_with("*.");
    if (wildcard) host.remove_prefix(1);
    if (host.empty()) {
      if (!every_) every_.emplace(std::move(value));
    } else {
      (wildcard ? below_ : named_).try_emplace(std::string(host), std::move(value));
    }
  }

  /// nullptr: nothing.
  [[nodiscard]] const T* find(const HostName& name) const {
    const std::string_view host = name.text();
    if (const auto found = named_.find(host); found != named_.end()) return &found->second;
    const std::size_t dot = host.find('.');
    if (dot != host.npos && dot != 0) {
      const auto found = below_.find(host.substr(dot));
      if (found != below_.end()) return &found->second;
    }
    return every_ ? &*every_ : nullptr;
  }

  [[nodiscard]] bool empty() const { return named_.empty() && below_.empty() && !every_; }

  /// Calls `f` for each.
  template <class F>
  void for_each(F f) const {
    for (const auto* map : {&named_, &below_}) {
      for (const auto& [host, value] : *map)
        f(value);
    }
    if (every_) f(*every_);
  }

 private:
  using Map = std::unordered_map<std::string, T, ApiKeys::TextHash, std::equal_to<>>;

  Map named_;
  Map below_;  // by what follows the first label, from its dot on
  std::optional<T> every_;
};

}  // namespace insula::gateway
