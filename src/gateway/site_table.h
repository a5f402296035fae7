#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/api_key.h"
#include "gateway/config.h"
#include "gateway/site_route.h"

namespace insula::gateway {

struct Tenant;

/// The route that a request takes.
struct SiteMatch {
  const SiteRoute* route;
  std::size_t prefix_bytes;  // of the path, that matched as a prefix, without a slash at its end
};

/// A host that is not the gateway's own: whose it is and where its paths lead.
///
/// Paths are compared as they are written, segment by segment: an exact one with all of the path,
/// a prefix with its beginning, whatever slash is at its end. Of the routes that fit a request an
/// exact one counts, else one whose expression fits, else the one with the longest prefix; of
/// several for the same path the first that was added.
///
/// Cost: find() is a look-up for the whole path and one for each segment, the expressions one after
/// the other, and the conditions of routes for the same path.
class Site {
 public:
  explicit Site(const Tenant& owner) : owner_(&owner) {}

  using RoutePtr = std::shared_ptr<const SiteRoute>;

  void add(std::string_view path, bool exact, RoutePtr route);

  using ConditionsPtr = std::shared_ptr<const SiteConditions>;

  /// Of an HTTPRoute.
  void add(ConditionsPtr conditions, RoutePtr route);

  /// Nothing: none.
  [[nodiscard]] std::optional<SiteMatch> find(const SiteRequest& request) const;

  [[nodiscard]] const Tenant& owner() const { return *owner_; }

  /// All that were added, perhaps some more than once.
  [[nodiscard]] const std::vector<RoutePtr>& routes() const { return routes_; }

 private:
  template <class T>
  using ByText = std::unordered_map<std::string, T, ApiKeys::TextHash, std::equal_to<>>;

  struct Entry {
    RoutePtr route;
    ConditionsPtr conditions;  // null: none
  };

  using Entries = std::vector<Entry>;

  /// A place in the tree of prefixes.
  struct Node {
    ByText<std::size_t> children;  // by segment
    Entries entries;
    std::size_t prefix_bytes = 0;
    std::size_t above = 0;
  };

  void add_entry(std::string_view path, bool exact, Entry entry);
  [[nodiscard]] static const SiteRoute* first_fit(const Entries& entries,
                                                  const SiteRequest& request);

  const Tenant* owner_;
  std::vector<RoutePtr> routes_;
  ByText<Entries> exact_;
  Entries patterns_;
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

/// What is known by host: the host itself, else the wildcard nearest to it, else what is for every
/// host.
///
/// Cost: find() is two look-ups, and one for each further label where there are wildcards for
/// several.
template <class T>
class ByHost {
 public:
  /// `host`: in lower case, `*.` for a wildcard of one label, `**.` for one of two and more, empty
  /// for every host. Does nothing when there is one already.
  void add(std::string_view host, T value) {
    if (host.empty()) {
      if (!every_) every_.emplace(std::move(value));
    } else if (host.starts_with("**.")) {
      deep_.try_emplace(std::string(host.substr(2)), std::move(value));
    } else if (host.starts_with("*.")) {
      below_.try_emplace(std::string(host.substr(1)), std::move(value));
    } else {
      named_.try_emplace(std::string(host), std::move(value));
    }
  }

  /// nullptr: nothing.
  [[nodiscard]] const T* find(const HostName& name) const {
    const std::string_view host = name.text();
    if (const auto found = named_.find(host); found != named_.end()) return &found->second;
    std::size_t dot = host.find('.');
    if (dot != host.npos && dot != 0) {
      const auto found = below_.find(host.substr(dot));
      if (found != below_.end()) return &found->second;
      while (!deep_.empty() && (dot = host.find('.', dot + 1)) != host.npos) {
        const auto above = deep_.find(host.substr(dot));
        if (above != deep_.end()) return &above->second;
      }
    }
    return every_ ? &*every_ : nullptr;
  }

  [[nodiscard]] bool empty() const {
    return named_.empty() && below_.empty() && deep_.empty() && !every_;
  }

  /// Calls `f` for each.
  template <class F>
  void for_each(F f) const {
    for (const auto* map : {&named_, &below_, &deep_}) {
      for (const auto& [host, value] : *map)
        f(value);
    }
    if (every_) f(*every_);
  }

 private:
  using Map = std::unordered_map<std::string, T, ApiKeys::TextHash, std::equal_to<>>;

  Map named_;
  Map below_;  // by what follows the first label, from its dot on
  Map deep_;   // by what follows two or more
  std::optional<T> every_;
};

}  // namespace insula::gateway
