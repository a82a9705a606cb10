# How a .cu file is compiled, for the CPU and for a GPU.
#
# The project does not enable CMake's CUDA language: nvcc is called by custom commands instead, so
# that a program that links ExactMoE::cuda is an ordinary C++ program, and because CMake 3.25 does not
# know C++20 for nvcc (it leaves CMAKE_CUDA_STANDARD 20 out without a word).

# What the numerics contract asks of nvcc: nothing fused unless the source says so, subnormals kept,
# division and square root rounded correctly. tests/cuda looks for the effect in the code.
set(EXACTMOE_NVCC_FLAGS
  -std=c++20 -DEIGEN_MAX_ALIGN_BYTES=16 -DEIGEN_MALLOC_ALREADY_ALIGNED=1 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  -Xcompiler=-ffp-contract=off,-fPIC -I${PROJECT_SOURCE_DIR} -isystem=${EIGEN3_INCLUDE_DIRS}
  -DEIGEN_NO_CUDA)  # headers of the reference bring Eigen in; no kernel uses it

# Adds kernels to a target compiled by the C++ compiler. Each x.cu is included by a generated x.cpp,
# so that the file keeps one language in CMake's eyes.
function(exactmoe_compile_for_cpu target)
  foreach(kernel IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH kernel NORMALIZE)
    cmake_path(RELATIVE_PATH kernel BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/for_cpu/${target}/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${kernel}\"\n")
    target_sources(${target} PRIVATE ${source})
  endforeach()
  target_compile_definitions(${target} PRIVATE MOE_CUDA_EMULATED)
endfunction()

# Adds kernels to a target compiled by nvcc for a list of architectures such as 80;90;100.
function(exactmoe_compile_for_gpu target architectures)
  set(codes "")
  foreach(architecture IN LISTS architectures)
    list(APPEND codes -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  foreach(kernel IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH kernel NORMALIZE)
    cmake_path(RELATIVE_PATH kernel BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/for_gpu/${target}/${name}.o)
    cmake_path(GET object PARENT_PATH folder)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${object}
      COMMAND ${CUDAToolkit_NVCC_EXECUTABLE} -ccbin=${CMAKE_CXX_COMPILER} ${EXACTMOE_NVCC_FLAGS} -O3
              ${codes} -MD -MF ${object}.d -c ${kernel} -o ${object}
      DEPENDS ${kernel} DEPFILE ${object}.d VERBATIM COMMENT "nvcc ${name}")
    target_sources(${target} PRIVATE ${object})
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  endforeach()
endfunction()

# Whether device code is to be built: EXACTMOE_CUDA is ON, or AUTO and this machine has a GPU.
function(exactmoe_is_cuda_wanted result)
  set(wanted ${EXACTMOE_CUDA})
  if(EXACTMOE_CUDA STREQUAL "AUTO")
    set(wanted OFF)
    find_program(EXACTMOE_NVCC nvcc PATHS /usr/local/cuda/bin)
    find_program(EXACTMOE_NVIDIA_SMI nvidia-smi)
    mark_as_advanced(EXACTMOE_NVCC EXACTMOE_NVIDIA_SMI)
    set(listed 1)
    if(EXACTMOE_NVIDIA_SMI)
      execute_process(COMMAND ${EXACTMOE_NVIDIA_SMI} -L RESULT_VARIABLE listed OUTPUT_QUIET ERROR_QUIET)
    endif()
    if(EXACTMOE_NVCC AND (EXISTS /dev/nvidia0 OR listed STREQUAL "0"))
      set(wanted ON)
    endif()
  endif()
  set(${result} ${wanted} PARENT_SCOPE)
endfunction()

# The architectures to build for: what EXACTMOE_CUDA_ARCHITECTURES says; else those of the GPUs here;
# else those of the data centre cards.
function(exactmoe_find_architectures result)
  set(EXACTMOE_CUDA_ARCHITECTURES "" CACHE STRING "such as 80;90;100; empty: those of the GPUs here")
  set(architectures ${EXACTMOE_CUDA_ARCHITECTURES})
  if(NOT architectures AND EXACTMOE_NVIDIA_SMI)
    execute_process(COMMAND ${EXACTMOE_NVIDIA_SMI} --query-gpu=compute_cap --format=csv,noheader
                    OUTPUT_VARIABLE found RESULT_VARIABLE status ERROR_QUIET)
    if(status STREQUAL "0")
      string(REGEX MATCHALL "[0-9]+\\.[0-9]" found "${found}")
      string(REPLACE "." "" architectures "${found}")
      list(REMOVE_DUPLICATES architectures)
    endif()
  endif()
  if(NOT architectures)
    set(architectures 80 90 100)
  endif()
  set(${result} ${architectures} PARENT_SCOPE)
endfunction()
