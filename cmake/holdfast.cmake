# How a folder becomes a library, a test and an edge of the house.
#
#   holdfast_library(SOURCES a.cc b.cc TESTS a_test.cc [TEST_SOURCES helper.cc] [LINKS extra]
#                    [FUZZED a.cc])
#     in src/<folder>: the library hf_<folder> and the one test program <folder>_test. FUZZED are those
#     of the sources that fuzz targets are after: what decodes strangers' bytes.
#   holdfast_program(SOURCES main.cc [OWN version.cc] [LINKS extra])
#     in src/main: the binary build/<preset>/holdfast. All but its OWN sources are the library hf_main,
#     for another program that differs in these.
#   holdfast_test(NAME name KIND kind (SOURCES x_test.cc … [LINKS hf_x …] | COMMAND program …)
#                 [TIMEOUT seconds] [SERIAL] [REAL_TIME])
#     in tests/<folder>: a test of another kind than unit, a GoogleTest program or any command. SERIAL:
#     no other test of real processes runs beside it. REAL_TIME: it minds how soon it gets a core.
#   holdfast_fuzz(NAME x_fuzz SOURCES x_fuzz.cc LINKS hf_x [CORPUS folder])
#     in tests/fuzz: a fuzz target, built and run where HOLDFAST_FUZZ is on.

include_guard(GLOBAL)

# --- The floors ---------------------------------------------------------------------------------

# Sets HOLDFAST_FOLDERS (in floor order) and HOLDFAST_EDGES_<folder> from src/floors.txt.
function(holdfast_read_floors)
  set(file ${PROJECT_SOURCE_DIR}/src/floors.txt)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} rows REGEX "^[a-z]")
  set(folders)
  foreach(row IN LISTS rows)
    separate_arguments(words UNIX_COMMAND "${row}")
    list(POP_FRONT words folder floor)
    foreach(edge IN LISTS words)
      if(NOT edge IN_LIST folders OR NOT floor_${edge} LESS floor)
        message(FATAL_ERROR "src/floors.txt: ${folder} -> ${edge} does not point to a lower floor")
      endif()
    endforeach()
    list(APPEND folders ${folder})
    set(floor_${folder} ${floor})
    set(HOLDFAST_EDGES_${folder} "${words}" PARENT_SCOPE)
  endforeach()
  set(HOLDFAST_FOLDERS "${folders}" PARENT_SCOPE)
endfunction()

# Refuses an include that is not an edge, before anything is compiled.
function(_holdfast_check_includes folder)
  file(GLOB_RECURSE files ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(file IN LISTS files)
    file(STRINGS ${file} includes REGEX "^ *# *include *\"")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^ *# *include *\"([^/\"]*).*" "\\1" other "${include}")
      if(other STREQUAL "holdfast")  # its public face
        set(other client)
      endif()
      if(NOT other STREQUAL folder AND NOT other IN_LIST HOLDFAST_EDGES_${folder})
        file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${file})
        message(SEND_ERROR "${path}: ${include}: src/floors.txt has no edge ${folder} -> ${other}")
      endif()
    endforeach()
  endforeach()
endfunction()

# The libraries along a folder's edges; a folder that is not built yet has none.
function(_holdfast_edge_libraries folder result)
  set(libraries)
  foreach(edge IN LISTS HOLDFAST_EDGES_${folder})
    if(TARGET hf_${edge})
      list(APPEND libraries hf_${edge})
    endif()
  endforeach()
  set(${result} "${libraries}" PARENT_SCOPE)
endfunction()

# --- Libraries and the program ------------------------------------------------------------------

# Compiles several sources of a target as one, those that tools/unite puts into one group.
function(_holdfast_unite target)
  get_target_property(sources ${target} SOURCES)
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/tools/unite ${sources} OUTPUT_VARIABLE groups
                  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} COMMAND_ERROR_IS_FATAL ANY
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  foreach(source group IN ZIP_LISTS sources groups)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${target}_${group})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# What no simulated world runs through need not be optimized under sanitizers, nor what is fuzzed for
# seconds: that takes half of the compile time.
set(HOLDFAST_PLAIN_FOLDERS)
if(HOLDFAST_SANITIZE)
  set(HOLDFAST_PLAIN_FOLDERS os client cli main bench)
endif()
if(HOLDFAST_SANITIZE AND HOLDFAST_FUZZ STREQUAL all)
  list(APPEND HOLDFAST_PLAIN_FOLDERS commands storage replica server)
endif()

# How what need not be optimized is compiled. The same checks of memory, as calls, are a tenth less work.
set(HOLDFAST_PLAIN_OPTIONS -O0)
if(HOLDFAST_SANITIZE MATCHES address AND CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  list(APPEND HOLDFAST_PLAIN_OPTIONS -fsanitize-address-outline-instrumentation)
endif()

# What makes a folder quicker to compile without changing what is shipped.
function(_holdfast_quicken target folder)
  if(HOLDFAST_UNITY STREQUAL all)
    _holdfast_unite(${target})
  endif()
  if(folder IN_LIST HOLDFAST_PLAIN_FOLDERS)
    target_compile_options(${target} PRIVATE ${HOLDFAST_PLAIN_OPTIONS})
    if(TARGET hf_plain_header)
      target_precompile_headers(${target} REUSE_FROM hf_plain_header)
    endif()
  elseif(TARGET hf_header)
    target_precompile_headers(${target} REUSE_FROM hf_header)
  endif()
endfunction()

# Links libraries before the objects of a program that are not optimized. Of a template or an inline
# function that several objects hold, a program gets the first one's: else whatever a test or main
# happens to use, strings above all, would be slow in every library, too.
function(_holdfast_link_first program)
  set(files)
  foreach(library IN LISTS ARGN)
    if(TARGET ${library})
      get_target_property(type ${library} TYPE)
      if(type STREQUAL STATIC_LIBRARY)
        list(APPEND files $<TARGET_FILE:${library}>)
      endif()
    endif()
  endforeach()
  target_link_options(${program} PRIVATE LINKER:--whole-archive ${files} LINKER:--no-whole-archive)
endfunction()

function(holdfast_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "SOURCES;TESTS;TEST_SOURCES;LINKS;FUZZED")
  _holdfast_no_leftovers(holdfast_library)
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  _holdfast_check_includes(${folder})
  _holdfast_edge_libraries(${folder} edges)

  if(arg_SOURCES)
    set(fuzzed)
    if(HOLDFAST_FUZZ STREQUAL decoders AND arg_FUZZED)
      # Objects of their own, so that they, too, are compiled several as one.
      set(fuzzed $<TARGET_OBJECTS:hf_${folder}_fuzzed>)
      list(REMOVE_ITEM arg_SOURCES ${arg_FUZZED})
      add_library(hf_${folder}_fuzzed OBJECT ${arg_FUZZED})
      target_link_libraries(hf_${folder}_fuzzed PRIVATE ${edges} hf_common ${arg_LINKS})
      # What fuzzer-no-link means, in words that a precompiled header without it does not mind.
      target_compile_options(hf_${folder}_fuzzed PRIVATE
        -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table)
      _holdfast_quicken(hf_${folder}_fuzzed ${folder})
    endif()
    add_library(hf_${folder} STATIC ${arg_SOURCES})
    target_link_libraries(hf_${folder} PUBLIC ${edges} hf_common ${arg_LINKS})
    _holdfast_quicken(hf_${folder} ${folder})
    target_sources(hf_${folder} PRIVATE ${fuzzed})
    if(HOLDFAST_FUZZ STREQUAL all)
      target_compile_options(hf_${folder} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
  else()
    add_library(hf_${folder} INTERFACE)
    target_link_libraries(hf_${folder} INTERFACE ${edges} hf_common ${arg_LINKS})
  endif()

  if(arg_TESTS)
    set(real_time)
    if(folder MATCHES "^(os|client|cli)$")
      set(real_time REAL_TIME)
    endif()
    holdfast_test(NAME ${folder} KIND unit SOURCES ${arg_TESTS} ${arg_TEST_SOURCES}
                  LINKS hf_${folder} ${real_time})
  endif()
endfunction()

function(holdfast_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "SOURCES;OWN;LINKS")
  _holdfast_no_leftovers(holdfast_program)
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  _holdfast_check_includes(${folder})
  _holdfast_edge_libraries(${folder} edges)
  add_library(hf_${folder} OBJECT ${arg_SOURCES})
  target_link_libraries(hf_${folder} PUBLIC ${edges} hf_common ${arg_LINKS})
  _holdfast_quicken(hf_${folder} ${folder})
  add_executable(holdfast ${arg_OWN})
  target_link_libraries(holdfast PRIVATE hf_${folder})
  set_target_properties(holdfast PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  if(HOLDFAST_PLAIN_FOLDERS)
    set(optimized ${HOLDFAST_FOLDERS})
    list(REMOVE_ITEM optimized ${HOLDFAST_PLAIN_FOLDERS})
    list(TRANSFORM optimized PREPEND hf_)
    _holdfast_link_first(holdfast ${optimized})
    target_link_options(holdfast PRIVATE ${HOLDFAST_TEST_LINKER})
  endif()
endfunction()

# --- Tests --------------------------------------------------------------------------------------

set(HOLDFAST_KINDS unit transcript scenario process compat tool fuzz)

# What is tested is optimized as the preset says; the tests themselves only take time to compile. What is not
# optimized clang compiles in two thirds of the time that g++ takes, so g++'s presets have it do so.
find_program(HOLDFAST_TEST_COMPILER clang++-14)
set(HOLDFAST_TEST_OPTIONS ${HOLDFAST_PLAIN_OPTIONS})
set(HOLDFAST_TEST_LAUNCHER)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND HOLDFAST_TEST_COMPILER AND NOT HOLDFAST_SANITIZE)
  list(APPEND HOLDFAST_TEST_OPTIONS -Wno-unknown-warning-option -fpch-instantiate-templates
    "SHELL:-Xclang -fno-pch-timestamp")
  set(HOLDFAST_TEST_LAUNCHER ${PROJECT_SOURCE_DIR}/tools/compile_by ${HOLDFAST_TEST_COMPILER}
    ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

function(_holdfast_compile_as_test target)
  target_compile_options(${target} PRIVATE ${HOLDFAST_TEST_OPTIONS})
  if(HOLDFAST_TEST_LAUNCHER)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER "${HOLDFAST_TEST_LAUNCHER}" BY_CLANG ON)
  endif()
endfunction()

# Every test runs in the root of the repository, carries its kind as a label, finds the binary in
# HOLDFAST_BIN and the number of simulator seeds in HOLDFAST_SEEDS. What it cannot run on a machine
# it prints as "SKIP: what: why"; if that is all of it, it ends with 77.
function(holdfast_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL;REAL_TIME" "NAME;KIND;TIMEOUT" "SOURCES;LINKS;COMMAND")
  _holdfast_no_leftovers(holdfast_test)
  if(NOT arg_KIND IN_LIST HOLDFAST_KINDS)
    message(FATAL_ERROR "holdfast_test: ${arg_NAME} is of no known KIND: ${HOLDFAST_KINDS}")
  endif()
  if(NOT HOLDFAST_TEST_KINDS STREQUAL all AND NOT arg_KIND IN_LIST HOLDFAST_TEST_KINDS)
    return()
  endif()

  if(arg_SOURCES)
    add_executable(${arg_NAME}_test ${arg_SOURCES})
    target_link_libraries(${arg_NAME}_test PRIVATE ${arg_LINKS} hf_common
                          GTest::gmock GTest::gtest_main rapidcheck rapidcheck_gtest)
    _holdfast_compile_as_test(${arg_NAME}_test)
    target_precompile_headers(${arg_NAME}_test REUSE_FROM hf_test_header)
    if(NOT HOLDFAST_UNITY STREQUAL none)
      _holdfast_unite(${arg_NAME}_test)
    endif()
    _holdfast_link_first(${arg_NAME}_test ${arg_LINKS})
    target_link_options(${arg_NAME}_test PRIVATE ${HOLDFAST_TEST_LINKER})
    set(arg_COMMAND ${arg_NAME}_test)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)  # under sanitizers on a slow machine the longest takes more than 300
  endif()

  _holdfast_share_cores()
  set(test ${HOLDFAST_TEST_PREFIX}${arg_NAME})
  add_test(NAME ${test} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${test} PROPERTIES
    LABELS ${arg_KIND}
    TIMEOUT ${arg_TIMEOUT}
    SKIP_RETURN_CODE 77
    COST ${cost}
    PROCESSORS ${processors}
    RESOURCE_GROUPS "${places}"
    ENVIRONMENT "HOLDFAST_BIN=${PROJECT_BINARY_DIR}/holdfast;HOLDFAST_SEEDS=${HOLDFAST_SEEDS};\
HOLDFAST_SLOWDOWN=${HOLDFAST_SLOWDOWN};ASAN_OPTIONS=malloc_context_size=10;TSAN_OPTIONS=atexit_sleep_ms=0")
endfunction()

# How a test shares the cores with others: what only computes, in a time of its own, steps back for what
# lives in real time. So tests of real processes, which mostly wait, begin at once and go on all the time
# beside those that fill the cores: three at a time (tests/places.json), or one that is SERIAL.
macro(_holdfast_share_cores)
  set(cost 100)
  set(processors 1)
  set(places)
  if(arg_KIND MATCHES "^(process|compat)$")
    set(cost 300)
    set(places waiting:1)
    if(arg_SERIAL)
      set(cost 400)
      set(processors 3)
      set(places waiting:3)
    endif()
  elseif(arg_REAL_TIME)
    set(cost 200)
  elseif(NOT arg_KIND STREQUAL tool)
    list(POP_FRONT arg_COMMAND program)
    if(TARGET ${program})
      set(program $<TARGET_FILE:${program}>)
    endif()
    list(PREPEND arg_COMMAND nice -n 15 ${program})
    if(arg_KIND STREQUAL scenario)
      set(cost 50)  # many and short: what evens out the end
    endif()
  endif()
endmacro()

function(holdfast_fuzz)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;CORPUS" "SOURCES;LINKS")
  _holdfast_no_leftovers(holdfast_fuzz)
  if(NOT HOLDFAST_FUZZ)
    return()
  endif()

  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LINKS} hf_common -fsanitize=fuzzer)
  if(HOLDFAST_FUZZ STREQUAL decoders AND TARGET hf_header)
    target_precompile_headers(${arg_NAME} REUSE_FROM hf_header)
  endif()
  target_link_options(${arg_NAME} PRIVATE ${HOLDFAST_TEST_LINKER})
  add_dependencies(fuzz_targets ${arg_NAME})

  # What the fuzzer finds goes to the build folder; the corpus in the repository is only read.
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.found)
  file(MAKE_DIRECTORY ${found})
  if(arg_CORPUS)
    get_filename_component(corpus ${arg_CORPUS} ABSOLUTE)
  endif()
  holdfast_test(NAME ${arg_NAME} KIND fuzz TIMEOUT 3600
                COMMAND ${arg_NAME} -max_total_time=${HOLDFAST_FUZZ_SECONDS} -timeout=10
                        -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=${found}/
                        ${found} ${corpus})
endfunction()

# A misspelt keyword must not silently drop a file.
macro(_holdfast_no_leftovers function)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}: what is ${arg_UNPARSED_ARGUMENTS}?")
  endif()
endmacro()
