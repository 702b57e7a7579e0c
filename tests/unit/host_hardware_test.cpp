// SPDX-License-Identifier: Apache-2.0
// Thermal zones, power supplies, RAPL, watchdogs, DMI, EDAC.
#include <filesystem>

#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_with;
using test::expect_golden_families;
using test::expect_not_present;
using test::roots_of;
using test::TempTree;
using test::type_of;

using Files = std::initializer_list<std::pair<const char*, const char*>>;

void write_all(const TempTree& tree, const std::string& directory, const Files& files) {
  for (const auto& [name, text] : files) tree.write(directory + "/" + name, std::string(text) + "\n");
}

// Each content in place of `file` must be an error that names it, and the only sample missing.
void expect_only_missing(const Entry& entry, const std::string& file, const std::string& others,
                         std::initializer_list<std::string> contents, const TempTree& tree) {
  for (const std::string& content : contents) {
    tree.write("sys/" + file, content);
    const auto collected = collect(*entry.make(roots_of(tree)));
    EXPECT_FALSE(collected.result) << "accepted: " << content;
    EXPECT_NE(collected.error().find(file), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text(), others) << "from: " << content;
  }
}

TEST(ThermalZone, ExportsZonesAndCoolers) {
  const TempTree tree;
  write_all(tree, "sys/class/thermal/thermal_zone0", {{"type", "x86_pkg_temp"}, {"temp", "12376"}});
  write_all(tree, "sys/class/thermal/thermal_zone10", {{"type", "acpi\"tz"}, {"temp", "-5000"}});
  write_all(tree, "sys/class/thermal/cooling_device0", {{"type", "Processor"}, {"cur_state", "0"}, {"max_state", "3"}});
  write_all(tree, "sys/class/thermal/cooling_device1",
            {{"type", "intel_powerclamp"}, {"cur_state", "-1"}, {"max_state", "50"}});
  write_all(tree, "sys/class/thermal/thermal_zone0x", {{"type", "no zone"}, {"temp", "1"}});
  write_all(tree, "sys/class/thermal/other", {{"type", "no zone"}, {"temp", "1"}});
  const auto collected = collect(*kThermalZoneCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_thermal_zone_temp{zone=\"0\",type=\"x86_pkg_temp\"} 12.376\n"
            "node_thermal_zone_temp{zone=\"10\",type=\"acpi\\\"tz\"} -5\n"
            "node_cooling_device_cur_state{name=\"0\",type=\"Processor\"} 0\n"
            "node_cooling_device_cur_state{name=\"1\",type=\"intel_powerclamp\"} -1\n"
            "node_cooling_device_max_state{name=\"0\",type=\"Processor\"} 3\n"
            "node_cooling_device_max_state{name=\"1\",type=\"intel_powerclamp\"} 50\n");
  expect_golden_families("thermal_zone", collected.page);
}

TEST(ThermalZone, ABrokenZoneLeavesTheOthers) {
  const TempTree tree;
  write_all(tree, "sys/class/thermal/thermal_zone0", {{"type", "a"}});
  write_all(tree, "sys/class/thermal/thermal_zone1", {{"type", "b"}, {"temp", "1000"}});
  const auto silent = collect(*kThermalZoneCollector.make(roots_of(tree)));
  EXPECT_TRUE(silent.result) << silent.error();
  EXPECT_EQ(silent.text(), "node_thermal_zone_temp{zone=\"1\",type=\"b\"} 1\n");
  expect_only_missing(kThermalZoneCollector, "class/thermal/thermal_zone0/temp", silent.text(),
                      {"", "\n", "hot\n", "1.5\n", "99999999999999999999\n"}, tree);
}

TEST(ThermalZone, ZonesComeAndGo) {
  expect_not_present(kThermalZoneCollector);
  const TempTree tree;
  write_all(tree, "sys/class/thermal/thermal_zone0", {{"type", "a"}, {"temp", "1000"}});
  const auto collector = kThermalZoneCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), "node_thermal_zone_temp{zone=\"0\",type=\"a\"} 1\n");
  write_all(tree, "sys/class/thermal/cooling_device0", {{"type", "Fan"}, {"cur_state", "2"}});
  EXPECT_EQ(collect(*collector).text(),
            "node_thermal_zone_temp{zone=\"0\",type=\"a\"} 1\n"
            "node_cooling_device_cur_state{name=\"0\",type=\"Fan\"} 2\n");
  // Another zone under the same number.
  write_all(tree, "sys/elsewhere", {{"type", "b"}, {"temp", "2000"}});
  ASSERT_TRUE(remove_tree(tree.at("sys/class/thermal/thermal_zone0")));
  std::filesystem::rename(tree.at("sys/elsewhere"), tree.at("sys/class/thermal/thermal_zone0"));
  EXPECT_EQ(collect(*collector).text("node_thermal"), "node_thermal_zone_temp{zone=\"0\",type=\"b\"} 2\n");
}

TEST(Powersupplyclass, ExportsUnitsAndTexts) {
  const TempTree tree;
  write_all(tree, "sys/class/power_supply/AC", {{"type", "Mains"}, {"online", "0"}});
  write_all(tree, "sys/class/power_supply/BAT0",
            {{"type", "Battery"},
             {"status", "Discharging"},
             {"model_name", "LNV-45N1\xff\xfe"},
             {"technology", "Li-ion"},
             {"manufacturer", ""},
             {"capacity", "81"},
             {"cycle_count", "0"},
             {"present", "1"},
             {"energy_now", "36580000"},
             {"current_now", "-1500000"},
             {"voltage_now", "11660000"},
             {"temp", "305"},
             {"temp_min", "-100"},
             {"time_to_empty_now", "3600"}});
  const auto collected = collect(*kPowersupplyclassCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_power_supply_capacity{power_supply=\"BAT0\"} 81\n"
            "node_power_supply_cyclecount{power_supply=\"BAT0\"} 0\n"
            "node_power_supply_online{power_supply=\"AC\"} 0\n"
            "node_power_supply_present{power_supply=\"BAT0\"} 1\n"
            "node_power_supply_time_to_empty_seconds{power_supply=\"BAT0\"} 3600\n"
            "node_power_supply_current_ampere{power_supply=\"BAT0\"} -1.5\n"
            "node_power_supply_energy_watthour{power_supply=\"BAT0\"} 36.58\n"
            "node_power_supply_voltage_volt{power_supply=\"BAT0\"} 11.66\n"
            "node_power_supply_temp_celsius{power_supply=\"BAT0\"} 30.5\n"
            "node_power_supply_temp_min_celsius{power_supply=\"BAT0\"} -10\n"
            "node_power_supply_info{power_supply=\"AC\",type=\"Mains\"} 1\n"
            "node_power_supply_info{power_supply=\"BAT0\",model_name=\"LNV-45N1\xEF\xBF\xBD\",technology=\"Li-ion\","
            "type=\"Battery\",status=\"Discharging\"} 1\n");
}

TEST(Powersupplyclass, WritesTheFamiliesOfNodeExporter) {
  const TempTree tree;
  write_all(tree, "sys/class/power_supply/BAT0",
            {{"type", "Battery"},
             {"status", "Full"},
             {"model_name", "m"},
             {"technology", "Li-ion"},
             {"manufacturer", "x"},
             {"serial_number", "1"},
             {"capacity_level", "Normal"},
             {"capacity", "1"},
             {"cycle_count", "1"},
             {"energy_full", "1"},
             {"energy_full_design", "1"},
             {"energy_now", "1"},
             {"online", "1"},
             {"power_now", "1"},
             {"present", "1"},
             {"voltage_min_design", "1"},
             {"voltage_now", "1"}});
  expect_golden_families("powersupplyclass", collect(*kPowersupplyclassCollector.make(roots_of(tree))).page);
}

TEST(Powersupplyclass, IgnoresSuppliesByName) {
  const TempTree tree;
  for (const char* name : {"AC", "BAT0"})
    write_all(tree, "sys/class/power_supply/" + std::string(name), {{"online", "1"}});
  EXPECT_EQ(collect_with(kPowersupplyclassCollector, tree, {{"powersupply.ignored-supplies", "^BAT"}}).text(),
            "node_power_supply_online{power_supply=\"AC\"} 1\nnode_power_supply_info{power_supply=\"AC\"} 1\n");
}

TEST(Powersupplyclass, ABrokenFileIsTheOnlyOneMissing) {
  const TempTree tree;
  write_all(tree, "sys/class/power_supply/BAT0", {{"capacity", "1"}});
  write_all(tree, "sys/class/power_supply/BAT1", {{"online", "1"}});
  expect_only_missing(kPowersupplyclassCollector, "class/power_supply/BAT0/capacity",
                      "node_power_supply_online{power_supply=\"BAT1\"} 1\n"
                      "node_power_supply_info{power_supply=\"BAT0\"} 1\n"
                      "node_power_supply_info{power_supply=\"BAT1\"} 1\n",
                      {"", "\n", "full\n", "1 2\n"}, tree);
}

TEST(Powersupplyclass, SuppliesComeAndGo) {
  expect_not_present(kPowersupplyclassCollector);
  const TempTree tree;
  write_all(tree, "sys/class/power_supply/BAT0", {{"type", "Battery"}, {"status", "Charging"}});
  const auto collector = kPowersupplyclassCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(),
            "node_power_supply_info{power_supply=\"BAT0\",type=\"Battery\",status=\"Charging\"} 1\n");
  tree.write("sys/class/power_supply/BAT0/status", "Full\n");
  write_all(tree, "sys/class/power_supply/AC", {{"type", "Mains"}});
  EXPECT_EQ(collect(*collector).text(),
            "node_power_supply_info{power_supply=\"AC\",type=\"Mains\"} 1\n"
            "node_power_supply_info{power_supply=\"BAT0\",type=\"Battery\",status=\"Full\"} 1\n");
  ASSERT_TRUE(remove_tree(tree.at("sys/class/power_supply/BAT0")));
  EXPECT_EQ(collect(*collector).text(), "node_power_supply_info{power_supply=\"AC\",type=\"Mains\"} 1\n");
}

void write_zone(const TempTree& tree, const char* zone, const char* name, const char* energy) {
  write_all(tree, "sys/class/powercap/" + std::string(zone), {{"name", name}, {"energy_uj", energy}});
}

TEST(Rapl, ExportsZonesByName) {
  const TempTree tree;
  tree.write("sys/class/powercap/intel-rapl/enabled", "1\n");
  write_zone(tree, "intel-rapl:0", "package-0", "240422366267");
  write_zone(tree, "intel-rapl:0:0", "core", "118821284256");
  write_zone(tree, "intel-rapl:1", "package-1", "1000000");
  write_zone(tree, "intel-rapl:1:0", "core", "2500000");
  write_zone(tree, "intel-rapl:2", "package-0-die-1", "3000000");
  const std::string path = tree.at("sys/class/powercap/");
  const auto zone = [&](const char* index, const char* name) {
    return "{index=\"" + std::string(index) + "\",path=\"" + path + name + "\"";
  };
  const auto collected = collect(*kRaplCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_rapl_core_joules_total" + zone("0", "intel-rapl:0:0") + "} 118821.284256\n" +
                                  "node_rapl_core_joules_total" + zone("1", "intel-rapl:1:0") + "} 2.5\n" +
                                  "node_rapl_package_0_die_1_joules_total" + zone("0", "intel-rapl:2") + "} 3\n" +
                                  "node_rapl_package_joules_total" + zone("0", "intel-rapl:0") + "} 240422.366267\n" +
                                  "node_rapl_package_joules_total" + zone("1", "intel-rapl:1") + "} 1\n");
  EXPECT_EQ(type_of(collected.page, "node_rapl_core_joules_total"), "counter");
  EXPECT_EQ(collect_with(kRaplCollector, tree, {{"rapl.enable-zone-label", "true"}}).text(),
            "node_rapl_joules_total" + zone("0", "intel-rapl:0") + ",rapl_zone=\"package\"} 240422.366267\n" +
                "node_rapl_joules_total" + zone("0", "intel-rapl:0:0") + ",rapl_zone=\"core\"} 118821.284256\n" +
                "node_rapl_joules_total" + zone("1", "intel-rapl:1") + ",rapl_zone=\"package\"} 1\n" +
                "node_rapl_joules_total" + zone("1", "intel-rapl:1:0") + ",rapl_zone=\"core\"} 2.5\n" +
                "node_rapl_joules_total" + zone("0", "intel-rapl:2") + ",rapl_zone=\"package-0-die-1\"} 3\n");
}

TEST(Rapl, WritesTheFamiliesOfNodeExporter) {
  const TempTree tree;
  write_zone(tree, "intel-rapl:0", "package-0", "1");
  write_zone(tree, "intel-rapl:0:0", "core", "1");
  expect_golden_families("rapl", collect(*kRaplCollector.make(roots_of(tree))).page);
}

TEST(Rapl, CountersThatCannotBeReadAreNotThere) {
  const TempTree tree;
  tree.write("sys/class/powercap/intel-rapl:0/name", "package-0\n");
  tree.make_dir("sys/class/powercap/intel-rapl:0/energy_uj");  // fails to read, whoever we are
  expect_not_present(kRaplCollector, tree);
  write_zone(tree, "intel-rapl:1", "package-1", "1000000");
  const auto one = collect(*kRaplCollector.make(roots_of(tree)));
  EXPECT_TRUE(one.result) << one.error();
  EXPECT_EQ(one.text(), "node_rapl_package_joules_total{index=\"1\",path=\"" +
                            tree.at("sys/class/powercap/intel-rapl:1") + "\"} 1\n");
}

TEST(Rapl, ABrokenZoneLeavesTheOthers) {
  const TempTree tree;
  write_zone(tree, "intel-rapl:0", "package-99999999999999999999", "1");
  write_zone(tree, "intel-rapl:1", "psys", "1000000");
  expect_only_missing(
      kRaplCollector, "class/powercap/intel-rapl:0/energy_uj",
      "node_rapl_psys_joules_total{index=\"0\",path=\"" + tree.at("sys/class/powercap/intel-rapl:1") + "\"} 1\n",
      {"", "-1\n", "much\n", "99999999999999999999\n"}, tree);
}

TEST(Rapl, ZonesComeAndGo) {
  expect_not_present(kRaplCollector);
  const TempTree tree;
  write_zone(tree, "a", "dram", "1000000");
  write_zone(tree, "b", "dram", "2000000");
  const auto collector = kRaplCollector.make(roots_of(tree));
  const auto dram = [&](const char* index, const char* zone, const char* joules) {
    return "node_rapl_dram_joules_total{index=\"" + std::string(index) + "\",path=\"" + tree.at("sys/class/powercap/") +
           zone + "\"} " + joules + "\n";
  };
  EXPECT_EQ(collect(*collector).text(), dram("0", "a", "1") + dram("1", "b", "2"));
  ASSERT_TRUE(remove_tree(tree.at("sys/class/powercap/a")));
  EXPECT_EQ(collect(*collector).text(), dram("0", "b", "2"));
}

TEST(Watchdog, ExportsTimersAndTexts) {
  const TempTree tree;
  write_all(tree, "sys/class/watchdog/watchdog0",
            {{"access_cs0", "0"},
             {"bootstatus", "1"},
             {"fw_version", "2"},
             {"identity", "Software Watchdog"},
             {"nowayout", "0"},
             {"options", "0x8380"},
             {"pretimeout", "120"},
             {"pretimeout_governor", "noop"},
             {"state", "active"},
             {"status", "0x8000"},
             {"timeleft", "300"},
             {"timeout", "60"}});
  tree.make_dir("sys/class/watchdog/watchdog1");
  const auto collected = collect(*kWatchdogCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_watchdog_bootstatus{name=\"watchdog0\"} 1\n"
            "node_watchdog_fw_version{name=\"watchdog0\"} 2\n"
            "node_watchdog_nowayout{name=\"watchdog0\"} 0\n"
            "node_watchdog_timeleft_seconds{name=\"watchdog0\"} 300\n"
            "node_watchdog_timeout_seconds{name=\"watchdog0\"} 60\n"
            "node_watchdog_pretimeout_seconds{name=\"watchdog0\"} 120\n"
            "node_watchdog_access_cs0{name=\"watchdog0\"} 0\n"
            "node_watchdog_info{name=\"watchdog0\",options=\"0x8380\",identity=\"Software Watchdog\","
            "state=\"active\",status=\"0x8000\",pretimeout_governor=\"noop\"} 1\n"
            "node_watchdog_info{name=\"watchdog1\",options=\"\",identity=\"\",state=\"\",status=\"\","
            "pretimeout_governor=\"\"} 1\n");
  expect_golden_families("watchdog", collected.page);
}

std::string watchdog_info(const std::string& name, const std::string& state) {
  return "node_watchdog_info{name=\"" + name + "\",options=\"\",identity=\"\",state=\"" + state +
         "\",status=\"\",pretimeout_governor=\"\"} 1\n";
}

TEST(Watchdog, WatchdogsComeAndGo) {
  expect_not_present(kWatchdogCollector);
  const TempTree tree;
  write_all(tree, "sys/class/watchdog/watchdog0", {{"state", "inactive"}});
  const auto collector = kWatchdogCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), watchdog_info("watchdog0", "inactive"));
  tree.write("sys/class/watchdog/watchdog0/state", "active\n");
  tree.make_dir("sys/class/watchdog/watchdog1");
  EXPECT_EQ(collect(*collector).text(), watchdog_info("watchdog0", "active") + watchdog_info("watchdog1", ""));
  ASSERT_TRUE(remove_tree(tree.at("sys/class/watchdog/watchdog0")));
  EXPECT_EQ(collect(*collector).text(), watchdog_info("watchdog1", ""));
}

TEST(Watchdog, ABrokenFileIsTheOnlyOneMissing) {
  const TempTree tree;
  write_all(tree, "sys/class/watchdog/watchdog0", {{"timeleft", "1"}});
  expect_only_missing(kWatchdogCollector, "class/watchdog/watchdog0/timeleft", watchdog_info("watchdog0", ""),
                      {"", "soon\n", "0x\n"}, tree);
}

TEST(Dmi, ExportsWhatTheFirmwareSays) {
  const TempTree tree;
  write_all(tree, "sys/class/dmi/id",
            {{"bios_vendor", "Dell \"Inc.\""},
             {"chassis_version", ""},
             {"product_name", " PowerEdge \xff\xfe"},
             {"sys_vendor", "Dell"},
             {"modalias", "dmi:x"},
             {"chassis_type", "23"},
             {"uevent", "x"}});
  const auto collector = kDmiCollector.make(roots_of(tree));
  const std::string expected =
      "node_dmi_info{bios_vendor=\"Dell \\\"Inc.\\\"\",chassis_version=\"\",product_name=\"PowerEdge \xEF\xBF\xBD\","
      "system_vendor=\"Dell\"} 1\n";
  EXPECT_EQ(collect(*collector).text(), expected);
  ASSERT_TRUE(remove_tree(tree.at("sys/class/dmi")));  // it is not read again
  EXPECT_EQ(collect(*collector).text(), expected);
}

TEST(Dmi, WritesTheFamilyOfNodeExporter) {
  const TempTree tree;
  for (const char* file :
       {"bios_date", "bios_release", "bios_vendor", "bios_version", "board_name", "board_serial", "board_vendor",
        "board_version", "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version", "product_family",
        "product_name", "product_serial", "product_sku", "product_uuid", "product_version", "sys_vendor"})
    tree.write("sys/class/dmi/id/" + std::string(file), "x\n");
  expect_golden_families("dmi", collect(*kDmiCollector.make(roots_of(tree))).page);
}

TEST(Dmi, LongTextsAreCut) {
  const TempTree tree({{"sys/class/dmi/id/product_sku", std::string(100000, 'x')}});
  EXPECT_EQ(collect(*kDmiCollector.make(roots_of(tree))).text(),
            "node_dmi_info{product_sku=\"" + std::string(128, 'x') + "\"} 1\n");
}

TEST(Dmi, WithoutFirmwareTextsThereIsNothing) {
  expect_not_present(kDmiCollector);
  const TempTree tree({{"sys/class/dmi/id/uevent", "x\n"}, {"sys/class/dmi/other/product_sku", "x\n"}});
  const auto collector = kDmiCollector.make(roots_of(tree));
  const auto none = collect(*collector);
  ASSERT_FALSE(none.result);
  EXPECT_TRUE(is_not_present(none.result.error()));
  tree.write("sys/class/dmi/id/product_sku", "late\n");
  EXPECT_EQ(collect(*collector).text(), "node_dmi_info{product_sku=\"late\"} 1\n");
}

TEST(Edac, ExportsControllersAndRows) {
  const TempTree tree;
  write_all(tree, "sys/devices/system/edac/mc/mc0",
            {{"ce_count", "1"},
             {"ce_noinfo_count", "2"},
             {"csrow0/ce_count", "3"},
             {"csrow0/ue_count", "4"},
             {"ue_count", "5"},
             {"ue_noinfo_count", "6"},
             {"csrow10/ce_count", "7"},
             {"csrow0x/ce_count", "8"},
             {"dimm0/ce_count", "9"}});
  write_all(tree, "sys/devices/system/edac/mc/mc1", {{"ce_count", "0"}});
  write_all(tree, "sys/devices/system/edac/mc/power", {{"ce_count", "0"}});
  const auto collected = collect(*kEdacCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_edac_correctable_errors_total{controller=\"0\"} 1\n"
            "node_edac_correctable_errors_total{controller=\"1\"} 0\n"
            "node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"unknown\"} 2\n"
            "node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"0\"} 3\n"
            "node_edac_csrow_correctable_errors_total{controller=\"0\",csrow=\"10\"} 7\n"
            "node_edac_uncorrectable_errors_total{controller=\"0\"} 5\n"
            "node_edac_csrow_uncorrectable_errors_total{controller=\"0\",csrow=\"unknown\"} 6\n"
            "node_edac_csrow_uncorrectable_errors_total{controller=\"0\",csrow=\"0\"} 4\n");
  expect_golden_families("edac", collected.page);
}

TEST(Edac, ABrokenCounterIsTheOnlyOneMissing) {
  const TempTree tree;
  write_all(tree, "sys/devices/system/edac/mc/mc0", {{"ce_count", "1"}, {"ue_count", "2"}});
  expect_only_missing(kEdacCollector, "devices/system/edac/mc/mc0/ce_count",
                      "node_edac_uncorrectable_errors_total{controller=\"0\"} 2\n",
                      {"", "-1\n", "none\n", "99999999999999999999\n"}, tree);
}

TEST(Edac, ControllersComeAndGo) {
  expect_not_present(kEdacCollector);
  const TempTree tree;
  write_all(tree, "sys/devices/system/edac/mc/mc0", {{"ce_count", "1"}});
  const auto collector = kEdacCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), "node_edac_correctable_errors_total{controller=\"0\"} 1\n");
  write_all(tree, "sys/devices/system/edac/mc/mc1", {{"csrow2/ce_count", "2"}});
  ASSERT_TRUE(remove_tree(tree.at("sys/devices/system/edac/mc/mc0")));
  EXPECT_EQ(collect(*collector).text(), "node_edac_csrow_correctable_errors_total{controller=\"1\",csrow=\"2\"} 2\n");
}

}  // namespace
}  // namespace plimsoll::collectors::host
