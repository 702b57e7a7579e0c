// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "collectors/host/parts/hwmon_names.h"
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

// A chip as the kernel has it: a link in the class, and a link from the chip to the device it belongs to.
void make_chip(const TempTree& tree, const std::string& hwmon, const std::string& device) {
  tree.make_dir("sys/devices/" + device + "/hwmon/" + hwmon);
  tree.make_dir("sys/class/hwmon");
  std::filesystem::create_symlink("../../devices/" + device + "/hwmon/" + hwmon, tree.at("sys/class/hwmon/" + hwmon));
  const std::string last = device.substr(device.rfind('/') + 1);
  std::filesystem::create_symlink("../../../" + last, tree.at("sys/devices/" + device + "/hwmon/" + hwmon + "/device"));
}

void write_all(const TempTree& tree, const std::string& directory,
               std::initializer_list<std::pair<const char*, const char*>> files) {
  for (const auto& [name, text] : files) tree.write(directory + "/" + name, std::string(text) + "\n");
}

TEST(Hwmon, ExportsEverySensorInItsUnit) {
  const TempTree tree;
  make_chip(tree, "hwmon0", "platform/coretemp.0");
  write_all(tree, "sys/class/hwmon/hwmon0",
            {{"name", "coretemp"},
             {"uevent", ""},
             {"temp1_label", "Physical id 0"},
             {"temp1_input", "55250"},
             {"temp1_crit_alarm", "1"},
             {"temp1_fault", "0"},
             {"temp1_type", "4"},
             {"temp2_input", "-40000"},
             {"in0_input", "792"},
             {"in0_beep", "1"},
             {"cpu0_vid", "1250"},
             {"curr1_input", "1500"},
             {"energy1_input", "1234567"},
             {"power1_average", "95500000"},
             {"power1_average_interval", "1000"},
             {"power1_accuracy", "900000"},
             {"humidity1_input", "50000"},
             {"fan1_input", "1098"},
             {"fan1_pulses", "2"},
             {"fan1_alarm", "1"},
             {"freq1_label", "sclk"},
             {"freq1_input", "214000000"},
             {"freq2_input", "300000000"},
             {"pwm1", "255"},
             {"pwm1_enable", "5"},
             {"pwm2", "128"},
             {"pwm2_input", "7"},
             {"intrusion0_alarm", "18446744073709551615"},
             {"beep_enable", "1"},
             {"vrm", "90"},
             {"update_interval", "1500"}});
  tree.write("sys/class/hwmon/hwmon0/power/control", "auto\n");
  const auto collected = collect(*kHwmonCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string chip = "chip=\"platform_coretemp_0\"";
  const auto line = [&](const char* family, const char* sensor, const char* value) {
    return "node_hwmon_" + std::string(family) + "{" + chip + ",sensor=\"" + sensor + "\"} " + value + "\n";
  };
  EXPECT_EQ(
      collected.text(),
      "node_hwmon_chip_names{" + chip + ",chip_name=\"coretemp\"} 1\n" + "node_hwmon_sensor_label{" + chip +
          ",sensor=\"freq1\",label=\"sclk\"} 1\n" + "node_hwmon_sensor_label{" + chip +
          ",sensor=\"temp1\",label=\"Physical id 0\"} 1\n" + line("beep_enabled", "beep_enable0", "1") +
          line("cpu_vid_volts", "cpu0", "1.25") + line("curr_amps", "curr1", "1.5") +
          line("energy_joule_total", "energy1", "1.234567") + line("fan_alarm", "fan1", "1") +
          line("fan_pulses", "fan1", "2") + line("fan_rpm", "fan1", "1098") + line("freq_freq_mhz", "sclk", "214") +
          line("humidity", "humidity1", "0.05") + line("in_beep_enabled", "in0", "1") +
          line("in_volts", "in0", "0.792") + line("intrusion_alarm", "intrusion0", "18446744073709551615") +
          line("power_accuracy", "power1", "0.9") + line("power_average_interval_seconds", "power1", "1") +
          line("power_average_watt", "power1", "95.5") + line("pwm", "pwm1", "255") + line("pwm", "pwm2", "128") +
          line("pwm_enable", "pwm1", "5") + line("pwm_input", "pwm2", "7") + line("temp_celsius", "temp1", "55.25") +
          line("temp_celsius", "temp2", "-40") + line("temp_crit_alarm_celsius", "temp1", "0.001") +
          line("temp_fault", "temp1", "0") + line("temp_type", "temp1", "4") +
          line("update_interval_seconds", "update_interval0", "1.5") + line("voltage_regulator_version", "vrm0", "90"));
  EXPECT_EQ(type_of(collected.page, "node_hwmon_energy_joule_total"), "counter");
  EXPECT_EQ(type_of(collected.page, "node_hwmon_temp_celsius"), "gauge");
}

TEST(Hwmon, WritesTheFamiliesOfNodeExporter) {
  const TempTree tree;
  make_chip(tree, "hwmon0", "platform/all.0");
  const std::string chip = "sys/class/hwmon/hwmon0/";
  tree.write(chip + "name", "all\n");
  tree.write(chip + "freq1_label", "sclk\n");
  for (const char* file : {"fan1_alarm",
                           "fan1_beep",
                           "fan1_manual",
                           "fan1_max",
                           "fan1_min",
                           "fan1_output",
                           "fan1_pulses",
                           "fan1_input",
                           "fan1_target",
                           "fan1_tolerance",
                           "freq1_input",
                           "in0_alarm",
                           "in0_beep",
                           "in0_max",
                           "in0_min",
                           "in0_input",
                           "intrusion0_alarm",
                           "intrusion0_beep",
                           "temp1_input",
                           "temp1_crit_alarm",
                           "temp1_crit",
                           "temp1_max",
                           "pwm1_crit_temp_tolerance",
                           "pwm1_enable",
                           "pwm1_floor",
                           "pwm1_mode",
                           "pwm1_start",
                           "pwm1_step_down_time",
                           "pwm1_step_up_time",
                           "pwm1_stop_time",
                           "pwm1_target_temp",
                           "pwm1_temp_sel",
                           "pwm1_temp_tolerance",
                           "pwm1_weight_duty_base",
                           "pwm1_weight_duty_step",
                           "pwm1_weight_temp_sel",
                           "pwm1_weight_temp_step",
                           "pwm1_weight_temp_step_base",
                           "pwm1_weight_temp_step_tol"})
    tree.write(chip + file, "1\n");
  for (const char* point : {"1", "2", "3", "4", "5"})
    for (const char* what : {"pwm", "temp"}) tree.write(chip + "pwm1_auto_point" + point + "_" + what, "1\n");
  expect_golden_families("hwmon", collect(*kHwmonCollector.make(roots_of(tree))).page);
}

TEST(Hwmon, ChipsAreCalledByTheirDeviceElseByTheirDriverElseByTheirNumber) {
  const TempTree tree;
  make_chip(tree, "hwmon0", "pci0000:00/0000:00:18.3");
  tree.write("sys/class/hwmon/hwmon0/name", "k10temp\n");
  tree.write("sys/class/hwmon/hwmon1/name", "NCT-6779.d \n");
  tree.write("sys/class/hwmon/hwmon2/name", "\n");
  for (const char* hwmon : {"hwmon0", "hwmon1", "hwmon2", "hwmon3"})
    tree.write("sys/class/hwmon/" + std::string(hwmon) + "/fan1_input", "1\n");
  EXPECT_EQ(collect(*kHwmonCollector.make(roots_of(tree))).text(),
            "node_hwmon_chip_names{chip=\"nct_6779_d\",chip_name=\"nct_6779_d\"} 1\n"
            "node_hwmon_chip_names{chip=\"pci0000:00_0000:00:18_3\",chip_name=\"k10temp\"} 1\n"
            "node_hwmon_fan_rpm{chip=\"pci0000:00_0000:00:18_3\",sensor=\"fan1\"} 1\n"
            "node_hwmon_fan_rpm{chip=\"nct_6779_d\",sensor=\"fan1\"} 1\n"
            "node_hwmon_fan_rpm{chip=\"hwmon2\",sensor=\"fan1\"} 1\n"
            "node_hwmon_fan_rpm{chip=\"hwmon3\",sensor=\"fan1\"} 1\n");
}

TEST(Hwmon, OldDriversHaveTheirSensorsInTheDevice) {
  const TempTree tree;
  make_chip(tree, "hwmon0", "platform/applesmc.768");
  write_all(tree, "sys/devices/platform/applesmc.768",
            {{"fan1_label", "Left side"}, {"fan1_input", "2160"}, {"name", "applesmc"}, {"modalias", "x"}});
  EXPECT_EQ(collect(*kHwmonCollector.make(roots_of(tree))).text(),
            "node_hwmon_sensor_label{chip=\"platform_applesmc_768\",sensor=\"fan1\",label=\"Left side\"} 1\n"
            "node_hwmon_fan_rpm{chip=\"platform_applesmc_768\",sensor=\"fan1\"} 2160\n");
}

TEST(Hwmon, FiltersChipsAndSensors) {
  const TempTree tree;
  for (const char* chip : {"a", "b"})
    write_all(tree, "sys/class/hwmon/" + std::string(chip), {{"name", chip}, {"fan1_input", "1"}, {"fan2_input", "2"}});
  const std::string a1 = "node_hwmon_fan_rpm{chip=\"a\",sensor=\"fan1\"} 1\n";
  const std::string a2 = "node_hwmon_fan_rpm{chip=\"a\",sensor=\"fan2\"} 2\n";
  const std::string b1 = "node_hwmon_fan_rpm{chip=\"b\",sensor=\"fan1\"} 1\n";
  const std::string b2 = "node_hwmon_fan_rpm{chip=\"b\",sensor=\"fan2\"} 2\n";
  EXPECT_EQ(collect_with(kHwmonCollector, tree, {{"hwmon.chip-include", "^b$"}}).text(),
            "node_hwmon_chip_names{chip=\"b\",chip_name=\"b\"} 1\n" + b1 + b2);
  EXPECT_EQ(collect_with(kHwmonCollector, tree, {{"hwmon.chip-exclude", "^b$"}}).text("node_hwmon_fan"), a1 + a2);
  EXPECT_EQ(collect_with(kHwmonCollector, tree, {{"hwmon.sensor-include", "^a;fan2$"}}).text("node_hwmon_fan"), a2);
  EXPECT_EQ(collect_with(kHwmonCollector, tree, {{"hwmon.sensor-exclude", "^a;fan2$"}}).text("node_hwmon_fan"),
            a1 + b1 + b2);
}

TEST(Hwmon, ChipsComeAndGo) {
  const TempTree tree({{"sys/class/hwmon/hwmon0/fan1_input", "1\n"}, {"sys/class/hwmon/hwmon1/fan1_input", "2\n"}});
  const auto collector = kHwmonCollector.make(roots_of(tree));
  const auto fan = [](const char* chip, const char* rpm) {
    return "node_hwmon_fan_rpm{chip=\"" + std::string(chip) + "\",sensor=\"fan1\"} " + rpm + "\n";
  };
  EXPECT_EQ(collect(*collector).text(), fan("hwmon0", "1") + fan("hwmon1", "2"));
  ASSERT_TRUE(remove_tree(tree.at("sys/class/hwmon/hwmon0")));
  tree.write("sys/class/hwmon/hwmon1/fan1_input", "3\n");
  EXPECT_EQ(collect(*collector).text(), fan("hwmon1", "3"));
  tree.write("sys/class/hwmon/hwmon2/fan1_input", "4\n");
  EXPECT_EQ(collect(*collector).text(), fan("hwmon1", "3") + fan("hwmon2", "4"));
  // Another chip under the same number.
  tree.write("sys/elsewhere/name", "new\n");
  tree.write("sys/elsewhere/fan1_input", "5\n");
  ASSERT_TRUE(remove_tree(tree.at("sys/class/hwmon/hwmon2")));
  std::filesystem::rename(tree.at("sys/elsewhere"), tree.at("sys/class/hwmon/hwmon2"));
  EXPECT_EQ(collect(*collector).text("node_hwmon_fan"), fan("hwmon1", "3") + fan("new", "5"));
}

TEST(Hwmon, SensorsThatSayNothingHaveNoSample) {
  const TempTree tree;
  write_all(tree, "sys/class/hwmon/hwmon0",
            {{"temp1_input", "55000"},
             {"temp2_input", "N/A"},
             {"temp3_input", ""},
             {"temp4_input", "nan"},
             {"temp5_input", "1e999"},
             {"temp6_input", "5 5"},
             {"temp7x_input", "1"},
             {"temp8_", "1"},
             {"temp99999999999999999999_input", "1"},
             {"in_voltage0_raw", "1"},
             {"bogus1_input", "1"}});
  tree.make_dir("sys/class/hwmon/hwmon0/temp9_input");
  ASSERT_EQ(::mkfifo(tree.at("sys/class/hwmon/hwmon0/temp10_input").c_str(), 0600), 0);
  const auto collected = collect(*kHwmonCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_hwmon_temp_celsius{chip=\"hwmon0\",sensor=\"temp1\"} 55\n");
}

TEST(Hwmon, NoSeriesComesTwice) {
  const TempTree tree;
  for (const char* hwmon : {"hwmon0", "hwmon1"})
    write_all(tree, "sys/class/hwmon/" + std::string(hwmon),
              {{"name", "same"},
               {"fan1_input", "1"},
               {"fan01_input", "1"},
               {"fan1_Pulses", "2"},
               {"fan1_pulses", "2"},
               {"freq1_input", "1000000"},
               {"freq1_label", "a b"},
               {"freq2_input", "1000000"},
               {"freq2_label", "a-b"}});
  EXPECT_EQ(collect(*kHwmonCollector.make(roots_of(tree))).text(),
            "node_hwmon_chip_names{chip=\"same\",chip_name=\"same\"} 1\n"
            "node_hwmon_sensor_label{chip=\"same\",sensor=\"freq1\",label=\"a b\"} 1\n"
            "node_hwmon_sensor_label{chip=\"same\",sensor=\"freq2\",label=\"a-b\"} 1\n"
            "node_hwmon_fan_pulses{chip=\"same\",sensor=\"fan1\"} 2\n"
            "node_hwmon_fan_rpm{chip=\"same\",sensor=\"fan1\"} 1\n"
            "node_hwmon_freq_freq_mhz{chip=\"same\",sensor=\"a_b\"} 1\n");
}

TEST(Hwmon, HostileLabelsAreEscaped) {
  const TempTree tree(
      {{"sys/class/hwmon/hwmon0/fan1_input", "1\n"}, {"sys/class/hwmon/hwmon0/fan1_label", " q\"\\\xff\xfe "}});
  EXPECT_EQ(collect(*kHwmonCollector.make(roots_of(tree))).text("node_hwmon_sensor"),
            "node_hwmon_sensor_label{chip=\"hwmon0\",sensor=\"fan1\",label=\" q\\\"\\\\\xEF\xBF\xBD \"} 1\n");
}

TEST(Hwmon, MoreSensorsThanAreKeptOpen) {
  const TempTree tree;
  std::string expected;
  for (int i = 100; i < 400; ++i) {
    const std::string number = std::to_string(i);
    tree.write("sys/class/hwmon/hwmon0/fan" + number + "_input", number + "\n");
    expected += "node_hwmon_fan_rpm{chip=\"hwmon0\",sensor=\"fan" + number + "\"} " + number + "\n";
  }
  const auto collector = kHwmonCollector.make(roots_of(tree));
  for (int round = 0; round < 2; ++round) EXPECT_EQ(collect(*collector).text(), expected);
}

TEST(Hwmon, WithoutTheClassThereIsNothing) { expect_not_present(kHwmonCollector); }

TEST(HwmonNames, CleanNames) {
  EXPECT_EQ(clean_hwmon_name("coretemp.0\n"), "coretemp_0");
  EXPECT_EQ(clean_hwmon_name("__A-b:c__"), "a_b:c");
  EXPECT_EQ(clean_hwmon_name("\xC3\xA4x\xFF\xFEy"), "x__y");
  EXPECT_EQ(clean_hwmon_name("-.-"), "");
  EXPECT_EQ(clean_hwmon_name(""), "");
}

}  // namespace
}  // namespace plimsoll::collectors::host
