#include "api/versions/versions.h"

namespace insula::api {

namespace {

// Both versions have the same members.

template <class From, class To>
void copy(const From& from, To& to) {
  to.metadata = from.metadata;
  to.spec = from.spec;
  if constexpr (requires { to.status; }) to.status = from.status;
}

}  // namespace

void show(const GatewayClass& stored, GatewayClassV1beta1& object) {
  copy(stored, object);
}

void store(const GatewayClassV1beta1& object, GatewayClass& stored) {
  copy(object, stored);
}

void show(const Gateway& stored, GatewayV1beta1& object) {
  copy(stored, object);
}

void store(const GatewayV1beta1& object, Gateway& stored) {
  copy(object, stored);
}

void show(const HTTPRoute& stored, HTTPRouteV1beta1& object) {
  copy(stored, object);
}

void store(const HTTPRouteV1beta1& object, HTTPRoute& stored) {
  copy(object, stored);
}

void show(const ReferenceGrant& stored, ReferenceGrantV1beta1& object) {
  copy(stored, object);
}

void store(const ReferenceGrantV1beta1& object, ReferenceGrant& stored) {
  copy(object, stored);
}

}  // namespace insula::api
