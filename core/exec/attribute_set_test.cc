#include "core/exec/attribute_set.h"

#include <memory>
#include <utility>

#include "core/abi/attribute.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

kl_node NodeOf(const AttributeSet& set) {
  kl_node node = {};
  node.attributes = set.data();
  node.attribute_count = set.size();
  return node;
}

// A set whose source is gone.
AttributeSet CopyOfTemporaries() {
  const auto name = std::make_unique<std::string>("some longer name of an attribute");
  const auto text = std::make_unique<std::string>("some longer text of an attribute");
  const auto ints = std::make_unique<std::vector<int64_t>>(std::vector<int64_t>{1, -2, 3});
  const auto floats = std::make_unique<std::vector<float>>(std::vector<float>{0.5f, 1.5f});
  kl_attribute attributes[5] = {};
  attributes[0] = {name->c_str(), KL_ATTRIBUTE_INT, 0, 7, 0, nullptr, nullptr, nullptr};
  attributes[1] = {"float", KL_ATTRIBUTE_FLOAT, 0, 0, 2.5, nullptr, nullptr, nullptr};
  attributes[2] = {"string", KL_ATTRIBUTE_STRING, 0, 0, 0, text->c_str(), nullptr, nullptr};
  attributes[3] = {"ints", KL_ATTRIBUTE_INTS, 3, 0, 0, nullptr, ints->data(), nullptr};
  attributes[4] = {"floats", KL_ATTRIBUTE_FLOATS, 2, 0, 0, nullptr, nullptr, floats->data()};
  AttributeSet set(attributes, 5);
  *ints = {9, 9, 9};
  *floats = {9, 9};
  text->assign("changed");
  return set;
}

void ExpectCopied(const AttributeSet& set) {
  const kl_node node = NodeOf(set);
  EXPECT_EQ(kl_attribute_int(&node, "some longer name of an attribute", 0), 7);
  EXPECT_EQ(kl_attribute_float(&node, "float", 0), 2.5);
  EXPECT_STREQ(kl_attribute_string(&node, "string", ""), "some longer text of an attribute");
  const kl_attribute* ints = kl_find_attribute(&node, "ints");
  ASSERT_NE(ints, nullptr);
  EXPECT_EQ(std::vector<int64_t>(ints->ints, ints->ints + ints->count), (std::vector<int64_t>{1, -2, 3}));
  const kl_attribute* floats = kl_find_attribute(&node, "floats");
  ASSERT_NE(floats, nullptr);
  EXPECT_EQ(std::vector<float>(floats->floats, floats->floats + floats->count), (std::vector<float>{0.5f, 1.5f}));
}

TEST(AttributeSetTest, CopiesOutliveTheirSource) { ExpectCopied(CopyOfTemporaries()); }

TEST(AttributeSetTest, MovingKeepsWhatPointersPointTo) {
  AttributeSet source = CopyOfTemporaries();
  AttributeSet target;
  target = std::move(source);
  std::vector<AttributeSet> many;
  many.push_back(std::move(target));
  for (int i = 0; i < 20; ++i) many.emplace_back();  // moves the first again
  ExpectCopied(many[0]);
}

TEST(AttributeSetTest, ACopyOfASetOutlivesIt) {
  AttributeSet assigned;
  {
    const AttributeSet source = CopyOfTemporaries();
    const AttributeSet constructed(source);
    EXPECT_NE(constructed.data(), source.data());
    assigned = constructed;
  }
  ExpectCopied(assigned);
}

TEST(AttributeSetTest, GraphAttributesKeepTheirKind) {
  AttributeSet set;
  {
    const std::vector<GraphAttribute> source = {{"i", int64_t{-3}},
                                                {"f", 0.25},
                                                {"s", std::string("same_upper, a text that is long")},
                                                {"ints", std::vector<int64_t>{4, 5}},
                                                {"floats", std::vector<float>{}}};
    set = AttributeSet(source);
  }
  const kl_node node = NodeOf(set);
  ASSERT_EQ(node.attribute_count, 5u);
  EXPECT_EQ(kl_attribute_int(&node, "i", 0), -3);
  EXPECT_EQ(kl_attribute_float(&node, "f", 0), 0.25);
  EXPECT_EQ(kl_attribute_int(&node, "f", 17), 17) << "a float is no int";
  EXPECT_STREQ(kl_attribute_string(&node, "s", ""), "same_upper, a text that is long");
  EXPECT_EQ(kl_find_attribute(&node, "ints")->count, 2u);
  EXPECT_EQ(kl_find_attribute(&node, "ints")->ints[1], 5);
  EXPECT_EQ(kl_find_attribute(&node, "floats")->kind, KL_ATTRIBUTE_FLOATS);
  EXPECT_EQ(kl_find_attribute(&node, "floats")->count, 0u);
}

}  // namespace
}  // namespace kinglet
