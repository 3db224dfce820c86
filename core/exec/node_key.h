// Text that two nodes share if one kernel takes equally long for both.
#ifndef KINGLET_CORE_EXEC_NODE_KEY_H_
#define KINGLET_CORE_EXEC_NODE_KEY_H_

#include <string>

#include "core/exec/plan.h"

namespace kinglet {

// "conv2d{strides=[1,1]} f32[1,8,4,4] =f32[8,8,1,1]zeros(0.90,0.80,0.65) - f32[1,8,4,4]": operator, attributes, operands. Of a
// constant matrix of plain elements it says which share is zero: of single elements, of pairs and of groups of 4 neighbours
// of the outermost dimension, since kernels for blocks skip such groups. Small constants of whole numbers (axes, sizes)
// are there in full. Reads all constants of the node.
std::string NodeKey(const Plan& plan, const PlanNode& node);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_NODE_KEY_H_
