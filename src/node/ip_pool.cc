#include "node/ip_pool.h"

#include <charconv>

#include <fmt/format.h>

#include "base/number.h"

namespace insula::node {
namespace {

constexpr int kPrefixMin = 8;
constexpr int kPrefixMax = 28;

}  // namespace

std::string Ipv4::text() const {
  return fmt::format("{}.{}.{}.{}", value >> 24U, (value >> 16U) & 0xffU, (value >> 8U) & 0xffU,
                     value & 0xffU);
}

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > 255) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    value = (value << 8U) | number;
    if (part == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return Ipv4{value};
}

bool Ipv4Range::contains(Ipv4 address) const {
  return address.value - first.value < size();
}

std::string Ipv4Range::text() const {
  return fmt::format("{}/{}", first.text(), prefix_length);
}

Result<Ipv4Range> parse_ipv4_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<Ipv4> first = parse_ipv4(text.substr(0, slash));
  int prefix = 0;
  if (slash != std::string_view::npos) {
    prefix = parse_whole<int>(text.substr(slash + 1)).value_or(0);
  }
  if (!first || prefix < kPrefixMin || prefix > kPrefixMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("\"{}\" is not an IPv4 network between /8 and /28", text));
  }
  const Ipv4Range range{*first, prefix};
  if ((first->value & (range.size() - 1)) != 0) {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" has bits set beyond its prefix", text));
  }
  return range;
}

IpPool::IpPool(Ipv4Range range, Random& random)
    : range_(range), next_(1 + static_cast<std::uint32_t>(random.below(range.size() - 2))) {}

std::optional<Ipv4> IpPool::next_free() {
  const std::uint32_t usable = range_.size() - 2;
  for (std::uint32_t tried = 0; tried < usable; ++tried) {
    const Ipv4 candidate{range_.first.value + next_};
    next_ = next_ >= usable ? 1 : next_ + 1;
    if (!by_address_.contains(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<Ipv4> IpPool::acquire(const std::string& pod_uid) {
  if (const auto found = by_pod_.find(pod_uid); found != by_pod_.end()) return found->second;
  const std::optional<Ipv4> address = next_free();
  if (!address)
    return fail(ErrorCode::kUnavailable, fmt::format("no free pod address in {}", range_.text()));
  by_pod_[pod_uid] = *address;
  by_address_[*address] = pod_uid;
  return *address;
}

Result<Ipv4> IpPool::replace(const std::string& pod_uid) {
  release(pod_uid);
  return acquire(pod_uid);
}

bool IpPool::reserve(const std::string& pod_uid, Ipv4 address) {
  if (!range_.contains(address) || by_address_.contains(address) || by_pod_.contains(pod_uid))
    return false;
  by_pod_[pod_uid] = address;
  by_address_[address] = pod_uid;
  return true;
}

void IpPool::release(const std::string& pod_uid) {
  const auto found = by_pod_.find(pod_uid);
  if (found == by_pod_.end()) return;
  by_address_.erase(found->second);
  by_pod_.erase(found);
}

}  // namespace insula::node
