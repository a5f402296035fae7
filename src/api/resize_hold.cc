#include "api/resize_hold.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "api/codec.h"
#include "api/quantity.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::api {

namespace {

using Amounts = std::map<std::string, Quantity>;
/// By the container's name, which no other of the pod has.
using Held = std::map<std::string, ResourceRequirements>;

void raise(Amounts& peak, const Amounts& other) {
  for (const char* name : {"cpu", "memory"}) {
    const auto found = other.find(name);
    if (found == other.end()) continue;
    const auto [at, fresh] = peak.try_emplace(name, found->second);
    if (!fresh) at->second = std::max(at->second, found->second);
  }
}

void raise(ResourceRequirements& peak, const ResourceRequirements& other) {
  raise(peak.requests, other.requests);
  raise(peak.limits, other.limits);
}

/// Nothing when the annotation is not there or not one of ours.
Held held_of(const Pod& pod) {
  Held out;
  const auto text = pod.metadata.annotations.find(kResizeHoldAnnotation);
  if (text == pod.metadata.annotations.end()) return out;
  const auto value = json::parse(text->second);
  if (!value || value->as_object() == nullptr) return out;
  for (const auto& [name, resources] : *value->as_object()) {
    if (auto read = decode_json<ResourceRequirements>(resources))
      out.insert_or_assign(std::string(name), std::move(*read));
  }
  return out;
}

std::string text_of(const Held& held) {
  json::Value out;
  for (const auto& [name, resources] : held)
    out[name] = to_json(resources);
  return json::write(out);
}

bool same_resources(const std::vector<Container>& a, const std::vector<Container>& b) {
  return std::ranges::equal(a, b, {}, &Container::resources, &Container::resources);
}

bool is_resize(const Pod& pod, const Pod& old) {
  return pod.metadata.generation != old.metadata.generation && !old.spec.node_name.empty() &&
         !(same_resources(pod.spec.containers, old.spec.containers) &&
           same_resources(pod.spec.init_containers, old.spec.init_containers));
}

}  // namespace

void update_resize_hold(Pod& pod, const Pod& old) {
  const bool resized = is_resize(pod, old);
  if (!resized && !pod.metadata.annotations.contains(kResizeHoldAnnotation) &&
      !old.metadata.annotations.contains(kResizeHoldAnnotation))
    return;
  Held held;
  if (pod.status.observed_generation < pod.metadata.generation) held = held_of(old);
  if (resized) {
    for (const auto* list : {&old.spec.containers, &old.spec.init_containers}) {
      for (const Container& container : *list)
        raise(held[container.name], container.resources);
    }
  }
  if (held.empty())
    pod.metadata.annotations.erase(kResizeHoldAnnotation);
  else
    pod.metadata.annotations.insert_or_assign(kResizeHoldAnnotation, text_of(held));
}

void take_resize_hold(PodSpec& spec, const Pod& pod) {
  const Held held = held_of(pod);
  for (auto* list : {&spec.containers, &spec.init_containers}) {
    for (Container& container : *list) {
      const auto found = held.find(container.name);
      if (found != held.end()) raise(container.resources, found->second);
    }
  }
}

}  // namespace insula::api
