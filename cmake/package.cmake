# What `cmake --install` puts where, and the Debian packages made of it (./dev package): the server, and
# the client library for those who build with it.

include_guard(GLOBAL)

# The program alone is needed, not every test.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
include(GNUInstallDirs)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME server)

install(TARGETS holdfast RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/deploy/holdfast.sysusers DESTINATION lib/sysusers.d
        RENAME holdfast.conf)
install(FILES README.md README.zh-CN.md ARCHITECTURE.md CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The unit names the paths of where it is installed, which --prefix decides. Settings that somebody
# has changed are his.
install(CODE "
  set(prefix \"\${CMAKE_INSTALL_PREFIX}\")
  string(REGEX REPLACE \"^/usr$\" \"\" etc \"\${prefix}\")
  set(etc \"\${etc}/etc/holdfast\")
  configure_file(${PROJECT_SOURCE_DIR}/deploy/holdfast.service.in
                 ${CMAKE_CURRENT_BINARY_DIR}/holdfast.service @ONLY)
  file(INSTALL ${CMAKE_CURRENT_BINARY_DIR}/holdfast.service
       DESTINATION \"\${prefix}/lib/systemd/system\")
  if(NOT EXISTS \"\$ENV{DESTDIR}\${etc}/holdfast.toml\")
    file(INSTALL ${PROJECT_SOURCE_DIR}/deploy/holdfast.toml DESTINATION \"\${etc}\")
  endif()")

include(cmake/sdk.cmake)

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL server sdk)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Holdfast authors <holdfast@localhost>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_SERVER_PACKAGE_NAME holdfast)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION database)
set(CPACK_DEBIAN_SERVER_DESCRIPTION
    "replicated server for locks, counters and sessions
 Holdfast is the sync package of a program, for a fleet: it speaks the Redis
 protocol, and every acknowledged write is on a majority of disks.")
set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)  # and what postinst needs:
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS passwd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/conffiles "/etc/holdfast/holdfast.toml\n")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/deploy/postinst ${PROJECT_SOURCE_DIR}/deploy/prerm
    ${PROJECT_SOURCE_DIR}/deploy/postrm ${CMAKE_CURRENT_BINARY_DIR}/conffiles)
set(CPACK_DEBIAN_SDK_PACKAGE_NAME libholdfast-dev)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "libfmt-dev, libssl-dev")
set(CPACK_DEBIAN_SDK_DESCRIPTION
    "client library of Holdfast, a replicated server for locks and counters
 Headers, a static library and a CMake package: find_package(Holdfast).")
include(CPack)
