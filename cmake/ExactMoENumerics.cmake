# Flags that the numerics contract requires, attached as usage requirements: whoever links a tier compiles with them too,
# because the elementary functions are inline.
#   -ffp-contract=off       no product and sum may be fused unless the source says fma
#   -fno-math-errno, -fno-trapping-math   change no value; without them no loop over the elementary functions vectorises
add_library(exactmoe_numerics INTERFACE)
add_library(ExactMoE::numerics ALIAS exactmoe_numerics)
set_target_properties(exactmoe_numerics PROPERTIES EXPORT_NAME numerics)
target_compile_features(exactmoe_numerics INTERFACE cxx_std_20)
target_compile_options(exactmoe_numerics INTERFACE
  $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang,AppleClang>:-ffp-contract=off;-fno-math-errno;-fno-trapping-math>
  $<$<COMPILE_LANG_AND_ID:CXX,IntelLLVM>:-fp-model=precise;-ffp-contract=off>)

# Eigen picks the alignment of its allocations, and who makes them, by the instruction set of each source file; one that frees what
# another allocated must agree with it. (16 is what the allocator of every x86-64 and AArch64 system gives.)
target_compile_definitions(exactmoe_numerics INTERFACE EIGEN_MAX_ALIGN_BYTES=16 EIGEN_MALLOC_ALREADY_ALIGNED=1)

# The processor's fused multiply-add for code that is not dispatched at run time (reference, tests). The value is the same without
# it, because std::fma is exact in the C library; a call takes ten times as long.
include(CheckCXXSourceRuns)
set(CMAKE_REQUIRED_FLAGS "-mfma")
check_cxx_source_runs("#include <cmath>
int main(int n, char**) { volatile float x = float(n); return std::fma(x, x, x) == 2 ? 0 : 1; }" EXACTMOE_HOST_HAS_MFMA)
unset(CMAKE_REQUIRED_FLAGS)
option(EXACTMOE_HOST_FMA "compile the reference for processors with FMA" ${EXACTMOE_HOST_HAS_MFMA})
add_library(exactmoe_host_fma INTERFACE)
if(EXACTMOE_HOST_FMA)
  target_compile_options(exactmoe_host_fma INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-mfma>)
endif()

if(EXACTMOE_SANITIZE)
  add_compile_options(-fsanitize=${EXACTMOE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${EXACTMOE_SANITIZE})
endif()
