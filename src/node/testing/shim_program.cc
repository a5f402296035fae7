#include <string_view>

#include "node/run.h"

// The one subcommand of `insula` that the node's tests need, without the rest of the product.
int main(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) != "shim") return 2;
  return insula::node::shim_main(argc - 1, argv + 1);
}
