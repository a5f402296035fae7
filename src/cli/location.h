#pragma once

#include <string>

namespace insula::cli {

/// $INSULA_DATA_DIR, else /var/lib/insula for root, else $XDG_DATA_HOME/insula or
/// ~/.local/share/insula.
[[nodiscard]] std::string default_data_dir();

/// $KUBECONFIG, else the kubeconfig of the data directory.
[[nodiscard]] std::string default_kubeconfig();

/// `path` from the root, without `.` and `..`; whether it exists does not matter.
[[nodiscard]] std::string absolute_path(const std::string& path);

}  // namespace insula::cli
