"""Compiler flags of Kinglet's own code."""

# Contraction into fused multiply-adds differs from processor to processor; without it equal
# inputs give equal bits wherever no intrinsic asks for one.
KL_COPTS = ["-Wall", "-Wextra", "-ffp-contract=off"]

KL_MALLOC = "//third_party:malloc"
