// Prints login tokens for another program to verify: jwt_print hs512|hs256 ACCESS SECRET COUNT.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "net/jwt.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const upfeed::ApiKeys keys{upfeed::Secret(argv[2]), upfeed::Secret(argv[3])};
  const auto algorithm = std::string_view(argv[1]) == "hs256" ? upfeed::TokenAlgorithm::hs256
                                                              : upfeed::TokenAlgorithm::hs512;
  for (int i = std::atoi(argv[4]); i > 0; --i) {
    const upfeed::Secret token = upfeed::net::make_token(keys, algorithm);
    std::printf("%.*s\n", static_cast<int>(token.size()), token.reveal().data());
  }
  return 0;
}
