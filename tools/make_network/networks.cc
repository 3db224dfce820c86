#include "tools/make_network/networks.h"

namespace kinglet::tools {
namespace {

constexpr NetworkKind kNetworks[] = {
    {"mobilenet-v1", 224, 1, true, 1000, true, MobileNetV1},
    {"mobilenet-v2", 224, 1, true, 1000, true, MobileNetV2},
    {"mcunet", 160, 1, true, 1000, true, McuNet},
    {"tinynet-e", 106, 1, true, 1000, false, TinyNetE},
    {"vanillanet-5", 224, 32, true, 1000, false, VanillaNet5},
    {"simplenet", 32, 32, true, 10, false, SimpleNet},
    {"resnet8", 32, 4, true, 10, false, ResNet8},
    {"ds-cnn", 49, 0, true, 12, false, DsCnn},
    {"cct-2", 32, 4, false, 10, false, Cct2},
    {"tinyvit-5m", 224, 0, false, 1000, false, TinyVit5M},
};

}  // namespace

const NetworkKind* FindNetwork(const std::string& name) {
  for (const NetworkKind& kind : kNetworks) {
    if (name == kind.name) return &kind;
  }
  return nullptr;
}

std::vector<std::string> NetworkNames() {
  std::vector<std::string> names;
  for (const NetworkKind& kind : kNetworks) names.push_back(kind.name);
  return names;
}

}  // namespace kinglet::tools
