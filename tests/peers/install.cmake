# Installs into the working directory exactly what its package-lock.json names, unless it is there.
# Without a network, and without a filled npm cache, this fails.
set(stamp node_modules/.installed-lock.json)
execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files package-lock.json ${stamp}
  RESULT_VARIABLE is_outdated OUTPUT_QUIET ERROR_QUIET)
if(NOT is_outdated)
  return()
endif()
execute_process(COMMAND npm ci --ignore-scripts --prefer-offline --no-audit --no-fund
  COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE package-lock.json ${stamp})
