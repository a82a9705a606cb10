# install(), and find_package(ExactMoE) for who installed it.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ExactMoE)

set(installed exactmoe_numerics exactmoe_reference exactmoe_cpu exactmoe_check)
foreach(optional IN ITEMS exactmoe_cuda exactmoe_cuda_emulated)
  if(TARGET ${optional})
    list(APPEND installed ${optional})
  endif()
endforeach()
install(TARGETS ${installed} EXPORT ExactMoETargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET moe)
  install(TARGETS moe RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(folder IN ITEMS reference cpu cuda check)
  install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/exactmoe FILES_MATCHING PATTERN "*.h")
endforeach()

install(EXPORT ExactMoETargets NAMESPACE ExactMoE:: DESTINATION ${package_dir})
configure_package_config_file(cmake/ExactMoEConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/ExactMoEConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/ExactMoEConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ExactMoEConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/ExactMoEConfigVersion.cmake
              cmake/FindLibZip.cmake DESTINATION ${package_dir})
