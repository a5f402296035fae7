#include "gateway/site_table.h"

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

void Site::add(std::string_view path, bool exact, SiteRoute route) {
  if (exact) {
    if (exact_.try_emplace(std::string(path), routes_.size()).second)
      routes_.push_back(std::move(route));
    return;
  }
  while (path.ends_with('/'))
    path.remove_suffix(1);
  std::size_t at = 0;
  while (!path.empty()) {
    const std::string_view segment = next_segment(path);
    const auto [child, fresh] =
        nodes_[at].children.try_emplace(std::string(segment), nodes_.size());
    at = child->second;
    if (fresh) nodes_.emplace_back();
  }
  if (nodes_[at].route != kNone) return;
  nodes_[at].route = routes_.size();
  routes_.push_back(std::move(route));
}

const SiteRoute* Site::find(std::string_view path) const {
  if (const auto exact = exact_.find(path); exact != exact_.end()) return &routes_[exact->second];
  std::size_t at = 0;
  std::size_t longest = nodes_[at].route;
  while (!path.empty()) {
    const auto& children = nodes_[at].children;
    if (children.empty()) break;
    const auto child = children.find(next_segment(path));
    if (child == children.end()) break;
    at = child->second;
    if (nodes_[at].route != kNone) longest = nodes_[at].route;
  }
  return longest == kNone ? nullptr : &routes_[longest];
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
