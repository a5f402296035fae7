#include "gateway/site_table.h"

#include <algorithm>

namespace insula::gateway {
namespace {

/// Takes the first segment off a path, and the slash before it.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

void Site::add(std::string_view path, bool exact, RoutePtr route) {
  add_entry(path, exact, {.route = std::move(route), .conditions = nullptr});
}

void Site::add(ConditionsPtr conditions, RoutePtr route) {
  const SiteConditions& match = *conditions;
  Entry entry{.route = std::move(route), .conditions = std::move(conditions)};
  if (match.kind() == PathKind::kPattern) {
    routes_.push_back(entry.route);
    patterns_.push_back(std::move(entry));
  } else {
    add_entry(match.path(), match.kind() == PathKind::kExact, std::move(entry));
  }
}

void Site::add_entry(std::string_view path, bool exact, Entry entry) {
  routes_.push_back(entry.route);
  if (exact) {
    exact_[std::string(path)].push_back(std::move(entry));
    return;
  }
  while (path.ends_with('/'))
    path.remove_suffix(1);
  const std::size_t prefix_bytes = path.size();
  std::size_t at = 0;
  while (!path.empty()) {
    const std::string_view segment = next_segment(path);
    const auto [child, fresh] =
        nodes_[at].children.try_emplace(std::string(segment), nodes_.size());
    const std::size_t above = std::exchange(at, child->second);
    if (fresh) nodes_.emplace_back().above = above;
  }
  nodes_[at].prefix_bytes = prefix_bytes;
  nodes_[at].entries.push_back(std::move(entry));
}

const SiteRoute* Site::first_fit(const Entries& entries, const SiteRequest& request) {
  const auto found = std::ranges::find_if(entries, [&](const Entry& entry) {
    return entry.conditions == nullptr || entry.conditions->fit(request);
  });
  return found == entries.end() ? nullptr : found->route.get();
}

std::optional<SiteMatch> Site::find(const SiteRequest& request) const {
  if (const auto exact = exact_.find(request.path); exact != exact_.end()) {
    if (const SiteRoute* route = first_fit(exact->second, request))
      return SiteMatch{route, request.path.size()};
  }
  for (const Entry& entry : patterns_) {
    if (entry.conditions->fits_path(request.path) && entry.conditions->fit(request))
      return SiteMatch{entry.route.get(), 0};
  }
  std::string_view path = request.path;
  std::size_t at = 0;
  while (!path.empty()) {
    const auto& children = nodes_[at].children;
    const auto child = children.empty() ? children.end() : children.find(next_segment(path));
    if (child == children.end()) break;
    at = child->second;
  }
  for (;; at = nodes_[at].above) {
    if (const SiteRoute* route = first_fit(nodes_[at].entries, request))
      return SiteMatch{route, nodes_[at].prefix_bytes};
    if (at == 0) return std::nullopt;
  }
}

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): size_ bytes are written
HostName::HostName(std::string_view host) {
  if (host.starts_with('[')) return;
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > kMax) return;
  for (const char c : host)
    bytes_[size_++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

}  // namespace insula::gateway
