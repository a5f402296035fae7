#pragma once

#include <string>

#include "async/task.h"

namespace insula::cli {

/// What a gateway shall know of an API key.
struct ExpectedKey {
  std::string id;
  bool revoked = false;
  std::string expires = {};  // RFC 3339, whatever it is when empty
};

/// Waits until the gateway of a platform knows of a change to a key, so that whoever is told of the
/// change can count on it. `data_dir`: where the platform's kubeconfig lies.
///
/// Returns false when the gateway answers and does not know for some seconds: what it cannot keep
/// the limits of it does not serve. One that cannot be asked (it is stopped, the platform is
/// another machine's) is not waited for: it reads all keys before it serves.
Task<bool> wait_for_key(std::string data_dir, ExpectedKey expected);

}  // namespace insula::cli
