# The client library for programs that are not ours: one archive of what src/client needs of ours, the
# public headers, and a CMake package: find_package(Holdfast), Holdfast::holdfast.

include_guard(GLOBAL)
include(CMakePackageConfigHelpers)

set(objects $<TARGET_OBJECTS:hf_client>)
foreach(edge IN LISTS HOLDFAST_EDGES_client)
  get_target_property(kind hf_${edge} TYPE)
  if(kind STREQUAL STATIC_LIBRARY)
    list(APPEND objects $<TARGET_OBJECTS:hf_${edge}>)
  endif()
  if(TARGET hf_${edge}_fuzzed)
    list(APPEND objects $<TARGET_OBJECTS:hf_${edge}_fuzzed>)
  endif()
endforeach()
add_library(holdfast_sdk STATIC ${objects})
set_target_properties(holdfast_sdk PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME holdfast
                      EXPORT_NAME holdfast)
target_compile_features(holdfast_sdk INTERFACE cxx_std_20)
# What the members of the archive that a client pulls in need in their turn.
target_link_libraries(holdfast_sdk INTERFACE fmt::fmt OpenSSL::SSL Threads::Threads)

set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/Holdfast)
install(TARGETS holdfast_sdk EXPORT HoldfastTargets COMPONENT sdk
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/holdfast DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(EXPORT HoldfastTargets NAMESPACE Holdfast:: DESTINATION ${folder} COMPONENT sdk)
# Until 1.0 a minor version may change what a program sees.
write_basic_package_version_file(HoldfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/HoldfastConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/HoldfastConfigVersion.cmake
        DESTINATION ${folder} COMPONENT sdk)
