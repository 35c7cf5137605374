# Configures, builds and runs the consumer in an empty folder, by one of two ways.
cmake_minimum_required(VERSION 3.24)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${ARGV}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${work})
# Nothing is measured or debugged here: the cheapest code to compile.
set(options -D CONSUMER_WAY=${way} -D CMAKE_CXX_COMPILER=${compiler}
  -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_FLAGS_DEBUG=-O0)
if(launcher)
  list(APPEND options -D CMAKE_CXX_COMPILER_LAUNCHER=${launcher})
endif()
if(way STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/first_prefix)
  # A package must not remember where it was installed.
  file(RENAME ${work}/first_prefix ${work}/prefix)
  list(APPEND options -D CMAKE_PREFIX_PATH=${work}/prefix)
else()
  list(APPEND options -D CONSUMER_UPFEED_SOURCE=${source})
endif()
run(${CMAKE_COMMAND} -S ${source}/tests/install/consumer -B ${work}/build -G ${generator} ${options})
run(${CMAKE_COMMAND} --build ${work}/build -j 2)
run(${work}/build/consumer)
run(${work}/build/strategy ${source}/tests/data/default.upcap)

# Who embeds the library gets no tests, tools or benches to build.
foreach(folder tests tools bench)
  if(EXISTS ${work}/build/upfeed/${folder})
    message(FATAL_ERROR "add_subdirectory(upfeed) configured ${folder} as well")
  endif()
endforeach()
