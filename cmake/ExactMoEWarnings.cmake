# Warnings for our own sources only; nothing is passed on to users. EXACTMOE_WERROR makes them errors.
option(EXACTMOE_WERROR "treat warnings as errors" OFF)
add_library(exactmoe_warnings INTERFACE)
target_compile_options(exactmoe_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${EXACTMOE_WERROR}>>:-Werror>)
