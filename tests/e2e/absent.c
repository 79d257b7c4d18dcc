/*
 * absent.c - stands in for a test whose client was not there when the tests were built, so that ctest shows it as skipped.
 * Threads: one.
 */
#include "tests/test.h"

int main(void)
{
	test_skip("the Eclipse Paho MQTT C client is not installed (libpaho-mqtt-dev)");
	return test_result();
}
