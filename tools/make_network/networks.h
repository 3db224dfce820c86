// The networks that can be made. Each is a function that says its layers; networks.cc is the table.
#ifndef KINGLET_TOOLS_MAKE_NETWORK_NETWORKS_H_
#define KINGLET_TOOLS_MAKE_NETWORK_NETWORKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/make_network/builder.h"

namespace kinglet::tools {

struct NetworkKind {
  const char* name;       // --net
  int64_t size;           // of the image, without --size
  int64_t size_multiple;  // what --size must be a multiple of; 0: it has no other size
  bool has_width;         // --width
  int64_t classes;
  bool has_int8;  // --int8
  void (*build)(NetworkBuilder* b);
};

// NULL when there is none of that name.
const NetworkKind* FindNetwork(const std::string& name);
std::vector<std::string> NetworkNames();

// mobile.cc
void MobileNetV1(NetworkBuilder* b);
void MobileNetV2(NetworkBuilder* b);
void McuNet(NetworkBuilder* b);
void TinyNetE(NetworkBuilder* b);
// plain.cc
void VanillaNet5(NetworkBuilder* b);
void SimpleNet(NetworkBuilder* b);
void ResNet8(NetworkBuilder* b);
void DsCnn(NetworkBuilder* b);
// transformers.cc
void Cct2(NetworkBuilder* b);
void TinyVit5M(NetworkBuilder* b);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_MAKE_NETWORK_NETWORKS_H_
