// SPDX-License-Identifier: Apache-2.0
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

// A PCI function below `above` ("pci0000:00/0000:00:02.1", ending with the function itself).
std::string make_pci(const TempTree& tree, const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  tree.make_dir("sys/devices/" + path);
  tree.make_dir("sys/bus/pci/devices");
  std::filesystem::create_symlink("../../../devices/" + path, tree.at("sys/bus/pci/devices/" + name));
  const std::string device = "sys/bus/pci/devices/" + name + "/";
  tree.write(device + "class", "0x010802\n");
  tree.write(device + "vendor", "0xc0a9\n");
  tree.write(device + "device", "0x540a\n");
  tree.write(device + "subsystem_vendor", "0xC0A9\n");
  tree.write(device + "subsystem_device", "0x5021\n");
  tree.write(device + "revision", "0x1\n");
  return device;
}

void add_pci_details(const TempTree& tree, const std::string& device) {
  tree.write(device + "max_link_speed", "16.0 GT/s PCIe\n");
  tree.write(device + "current_link_speed", "2.5 GT/s PCIe\n");
  tree.write(device + "max_link_width", "8\n");
  tree.write(device + "current_link_width", "4\n");
  tree.write(device + "d3cold_allowed", "1\n");
  tree.write(device + "sriov_drivers_autoprobe", "1\n");
  tree.write(device + "sriov_numvfs", "4\n");
  tree.write(device + "sriov_totalvfs", "8\n");
  tree.write(device + "sriov_vf_total_msix", "16\n");
  tree.write(device + "power_state", "D3hot\n");
  tree.write(device + "numa_node", "1\n");
}

TEST(Pcidevice, ExportsAFunctionWithAll) {
  const TempTree tree;
  add_pci_details(tree, make_pci(tree, "pci0000:00/0000:00:02.1/0000:01:00.0"));
  const auto collected = collect(*kPcideviceCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string at = "segment=\"0000\",bus=\"01\",device=\"00\",function=\"0\"";
  EXPECT_EQ(collected.text(),
            "node_pcidevice_info{" + at +
                ",parent_segment=\"0000\",parent_bus=\"00\",parent_device=\"02\",parent_function=\"1\","
                "class_id=\"0x010802\",vendor_id=\"0xc0a9\",device_id=\"0x540a\",subsystem_vendor_id=\"0xc0a9\","
                "subsystem_device_id=\"0x5021\",revision=\"0x01\"} 1\n"
                "node_pcidevice_max_link_transfers_per_second{" +
                at +
                "} 1.6e+10\n"
                "node_pcidevice_current_link_transfers_per_second{" +
                at +
                "} 2.5e+09\n"
                "node_pcidevice_max_link_width{" +
                at +
                "} 8\n"
                "node_pcidevice_current_link_width{" +
                at +
                "} 4\n"
                "node_pcidevice_d3cold_allowed{" +
                at +
                "} 1\n"
                "node_pcidevice_sriov_drivers_autoprobe{" +
                at +
                "} 1\n"
                "node_pcidevice_sriov_numvfs{" +
                at +
                "} 4\n"
                "node_pcidevice_sriov_totalvfs{" +
                at +
                "} 8\n"
                "node_pcidevice_sriov_vf_total_msix{" +
                at +
                "} 16\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"D0\"} 0\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"D1\"} 0\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"D2\"} 0\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"D3hot\"} 1\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"D3cold\"} 0\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"unknown\"} 0\n"
                "node_pcidevice_power_state{" +
                at +
                ",state=\"error\"} 0\n"
                "node_pcidevice_numa_node{" +
                at + "} 1\n");
  expect_golden_families("pcidevice", collected.page);
}

TEST(Pcidevice, WhatAFunctionLacksIsAsInNodeExporter) {
  const TempTree tree;
  const std::string device = make_pci(tree, "pci0000:00/0000:00:02.1");
  tree.write(device + "max_link_speed", "Unknown\n");
  tree.write(device + "numa_node", "-1\n");
  const auto collected = collect(*kPcideviceCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string text = collected.text();
  const std::string at = "{segment=\"0000\",bus=\"00\",device=\"02\",function=\"1\"}";
  EXPECT_NE(text.find("parent_segment=\"*\",parent_bus=\"*\",parent_device=\"*\",parent_function=\"*\""),
            std::string::npos);
  EXPECT_NE(text.find("max_link_transfers_per_second" + at + " -1\n"), std::string::npos);
  EXPECT_NE(text.find("current_link_width" + at + " -1\n"), std::string::npos);
  EXPECT_NE(text.find("sriov_numvfs" + at + " 0\n"), std::string::npos);
  EXPECT_EQ(text.find("power_state"), std::string::npos);
  EXPECT_EQ(text.find("numa_node"), std::string::npos);
}

const char* const kIds =
    "# comment\n"
    "c0a9  Micron \"C\"\n"
    "\t540a  P2 NVMe\n"
    "\t\tc0a9 5021  PS5021-E21\n"
    "\t\tc0a9 9999  another\n"
    "1af4  Red Hat\n"
    "\t540a  not this one\n"
    "garbage\n"
    "\t\t\tdeep  line\n"
    "C 01  Mass storage controller\n"
    "\t08  Non-Volatile memory controller\n"
    "\t\t02  NVM Express\n"
    "C 02  Network controller";

TEST(Pcidevice, NamesComeFromPciIds) {
  const TempTree tree({{"root/usr/share/hwdata/pci.ids", kIds}});
  const std::string known = make_pci(tree, "pci0000:00/0000:00:01.0");
  const std::string other = make_pci(tree, "pci0000:00/0000:00:02.0");
  tree.write(other + "class", "0x020100\n");
  tree.write(other + "vendor", "0x1af4\n");
  tree.write(other + "device", "0x1041\n");
  const std::string strange = make_pci(tree, "pci0000:00/0000:00:03.0");
  tree.write(strange + "class", "0xff0000\n");
  const std::string text =
      collect_with(kPcideviceCollector, tree, {{"pcidevice.names", "true"}}).text("node_pcidevice_info");
  EXPECT_NE(text.find(",vendor_name=\"Micron \\\"C\\\"\",device_name=\"P2 NVMe\",subsystem_vendor_name=\"Micron "
                      "\\\"C\\\"\",subsystem_device_name=\"PS5021-E21\",class_name=\"NVM Express\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(",vendor_name=\"Red Hat\",device_name=\"1041\",subsystem_vendor_name=\"Micron \\\"C\\\"\","
                      "subsystem_device_name=\"5021\",class_name=\"Network controller\"} 1\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("class_name=\"Unknown class (ff0000)\"} 1\n"), std::string::npos) << text;
}

TEST(Pcidevice, WithoutPciIdsNumbersStandForNames) {
  const TempTree tree({{"ids", "c0a9  From the file given\n"}});
  make_pci(tree, "pci0000:00/0000:00:01.0");
  EXPECT_NE(collect_with(kPcideviceCollector, tree, {{"pcidevice.names", "true"}})
                .text()
                .find("vendor_name=\"c0a9\",device_name=\"540a\",subsystem_vendor_name=\"c0a9\",subsystem_device_name="
                      "\"5021\",class_name=\"Unknown class (010802)\""),
            std::string::npos);
  const auto named =
      collect_with(kPcideviceCollector, tree, {{"pcidevice.names", "true"}, {"pcidevice.idsfile", tree.at("ids")}});
  EXPECT_NE(named.text().find("=\"From the file given\""), std::string::npos);
}

TEST(Pcidevice, ABrokenFunctionLeavesTheOthers) {
  const TempTree tree;
  const std::string good = make_pci(tree, "pci0000:00/0000:00:01.0");
  const std::string bad = make_pci(tree, "pci0000:00/0000:00:02.0");
  tree.write(bad + "vendor", "0xzz\n");
  tree.make_dir("sys/bus/pci/devices/no-location");
  const auto collected = collect(*kPcideviceCollector.make(roots_of(tree)));
  ASSERT_FALSE(collected.result);
  EXPECT_NE(collected.error().find("0000:00:02.0"), std::string::npos) << collected.error();
  EXPECT_NE(collected.text().find("device=\"01\""), std::string::npos);
  EXPECT_EQ(collected.text().find("device=\"02\""), std::string::npos);
  EXPECT_EQ(collected.text().find("no-location"), std::string::npos);
}

TEST(Pcidevice, RefusesNumbersThatAreNone) {
  for (const auto& [file, content] :
       std::initializer_list<std::pair<const char*, const char*>>{{"max_link_speed", "fast\n"},
                                                                  {"current_link_speed", "-8 GT/s\n"},
                                                                  {"max_link_width", "-1\n"},
                                                                  {"sriov_numvfs", "99999999999999999999\n"},
                                                                  {"numa_node", "x\n"}}) {
    const TempTree tree;
    tree.write(make_pci(tree, "pci0000:00/0000:00:01.0") + file, content);
    const auto collected = collect(*kPcideviceCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << file;
    EXPECT_NE(collected.error().find("0000:00:01.0/" + std::string(file)), std::string::npos) << collected.error();
  }
}

TEST(Pcidevice, FunctionsComeAndGo) {
  expect_not_present(kPcideviceCollector);
  const TempTree tree;
  make_pci(tree, "pci0000:00/0000:00:01.0");
  const auto collector = kPcideviceCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_pcidevice_max_link_width"),
            "node_pcidevice_max_link_width{segment=\"0000\",bus=\"00\",device=\"01\",function=\"0\"} -1\n");
  make_pci(tree, "pci0000:00/0000:00:02.0");
  std::filesystem::remove(tree.at("sys/bus/pci/devices/0000:00:01.0"));
  EXPECT_EQ(collect(*collector).text("node_pcidevice_max_link_width"),
            "node_pcidevice_max_link_width{segment=\"0000\",bus=\"00\",device=\"02\",function=\"0\"} -1\n");
}

const std::string kPort = "sys/class/infiniband/mlx4_0/ports/1/";

void make_port(const TempTree& tree) {
  tree.write("sys/class/infiniband/mlx4_0/fw_ver", "2.31.5050\n");
  tree.write("sys/class/infiniband/mlx4_0/hca_type", "MT4099\n");
  tree.write("sys/class/infiniband/mlx4_0/board_id", "SM_1141000001000\n");
  tree.write(kPort + "state", "4: ACTIVE\n");
  tree.write(kPort + "phys_state", "5: LinkUp\n");
  tree.write(kPort + "rate", "2.5 Gb/sec (1X SDR)\n");
}

TEST(Infiniband, ExportsAdaptersAndPorts) {
  const TempTree tree;
  make_port(tree);
  tree.write(kPort + "counters/port_rcv_data", "4611686018427387903\n");
  tree.write(kPort + "counters/link_downed", "7\n");
  tree.write(kPort + "counters/port_rcv_errors", "N/A (no PMA)\n");
  tree.write(kPort + "counters_ext/port_xmit_data_64", "25\n");
  tree.write(kPort + "hw_counters/out_of_buffer", "3\n");
  tree.write(kPort + "hw_counters/lifespan", "2500\n");
  const auto collected = collect(*kInfinibandCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string port = "{device=\"mlx4_0\",port=\"1\"} ";
  EXPECT_EQ(collected.text(),
            "node_infiniband_info{device=\"mlx4_0\",board_id=\"SM_1141000001000\",firmware_version=\"2.31.5050\","
            "hca_type=\"MT4099\"} 1\n"
            "node_infiniband_state_id" +
                port +
                "4\n"
                "node_infiniband_physical_state_id" +
                port +
                "5\n"
                "node_infiniband_rate_bytes_per_second" +
                port +
                "312500000\n"
                "node_infiniband_legacy_data_transmitted_bytes_total" +
                port +
                "100\n"
                "node_infiniband_link_downed_total" +
                port +
                "7\n"
                "node_infiniband_port_data_received_bytes_total" +
                port +
                "18446744073709551612\n"
                "node_infiniband_out_of_buffer_drops_total" +
                port +
                "3\n"
                "node_infiniband_lifespan_seconds" +
                port + "2\n");
  EXPECT_EQ(type_of(collected.page, "node_infiniband_lifespan_seconds"), "gauge");
}

TEST(Infiniband, WritesTheFamiliesOfNodeExporter) {
  const TempTree tree;
  make_port(tree);
  for (const char* file : {"counters/link_downed",
                           "counters/link_error_recovery",
                           "counters/multicast_rcv_packets",
                           "counters/multicast_xmit_packets",
                           "counters/port_rcv_constraint_errors",
                           "counters/port_xmit_constraint_errors",
                           "counters/port_rcv_data",
                           "counters/port_xmit_data",
                           "counters/port_rcv_discards",
                           "counters/port_xmit_discards",
                           "counters/port_rcv_errors",
                           "counters/port_rcv_packets",
                           "counters/port_xmit_packets",
                           "counters/port_xmit_wait",
                           "counters/unicast_rcv_packets",
                           "counters/unicast_xmit_packets",
                           "counters_ext/port_multicast_rcv_packets",
                           "counters_ext/port_multicast_xmit_packets",
                           "counters_ext/port_rcv_data_64",
                           "counters_ext/port_rcv_packets_64",
                           "counters_ext/port_unicast_rcv_packets",
                           "counters_ext/port_unicast_xmit_packets",
                           "counters_ext/port_xmit_data_64",
                           "counters_ext/port_xmit_packets_64"})
    tree.write(kPort + file, "1\n");
  expect_golden_families("infiniband", collect(*kInfinibandCollector.make(roots_of(tree))).page);
}

TEST(Infiniband, RefusesWhatIsNoStateOrNumber) {
  for (const auto& [file, content] : std::initializer_list<std::pair<const char*, const char*>>{
           {"state", ""},
           {"state", "ACTIVE\n"},
           {"phys_state", "-5: LinkUp\n"},
           {"rate", "\n"},
           {"rate", "fast Gb/sec\n"},
           {"rate", "-1 Gb/sec (1X)\n"},
           {"rate", "1e300 Gb/sec (1X)\n"},
           {"counters/link_downed", "-1\n"},
           {"counters/port_rcv_data", "99999999999999999999\n"}}) {
    const TempTree tree;
    make_port(tree);
    tree.write(kPort + file, content);
    tree.write("sys/class/infiniband/mlx5_0/ports/1/state", "1: DOWN\n");
    const auto collected = collect(*kInfinibandCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << file << content;
    EXPECT_NE(collected.error().find("mlx4_0/ports/1/" + std::string(file)), std::string::npos) << collected.error();
    EXPECT_NE(collected.text().find("node_infiniband_state_id{device=\"mlx5_0\",port=\"1\"} 1\n"), std::string::npos);
  }
}

TEST(Infiniband, AdaptersComeAndGo) {
  expect_not_present(kInfinibandCollector);
  const TempTree tree;
  make_port(tree);
  tree.write("sys/class/infiniband/mlx4_0/ports/01/state", "4: ACTIVE\n");  // no port of the kernel's
  const auto collector = kInfinibandCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_infiniband_state"),
            "node_infiniband_state_id{device=\"mlx4_0\",port=\"1\"} 4\n");
  tree.write("sys/class/infiniband/mlx5_0/ports/2/state", "1: DOWN\n");
  ASSERT_TRUE(remove_tree(tree.at("sys/class/infiniband/mlx4_0")));
  EXPECT_EQ(collect(*collector).text("node_infiniband_state"),
            "node_infiniband_state_id{device=\"mlx5_0\",port=\"2\"} 1\n");
}

const std::string kHost = "sys/class/fc_host/host0/";

TEST(Fibrechannel, ExportsPorts) {
  const TempTree tree;
  for (const auto& [file, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"speed", "16 Gbit"},
           {"port_state", "Online"},
           {"port_type", "Point-To-Point (direct nport connection)"},
           {"port_id", "0x000002"},
           {"port_name", "0x1000e0071bce95f2"},
           {"fabric_name", "0x"},
           {"supported_classes", "Class 3"},
           {"supported_speeds", "4 Gbit, 8 Gbit"},
           {"dev_loss_tmo", "30"},
           {"statistics/tx_words", "0x1F"},
           {"statistics/rx_words", "12"},
           {"statistics/dumped_frames", "0xffffffffffffffff"}})
    tree.write(kHost + file, std::string(text) + "\n");
  const auto collected = collect(*kFibrechannelCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_fibrechannel_rx_words_total{fc_host=\"host0\"} 12\n"
            "node_fibrechannel_tx_words_total{fc_host=\"host0\"} 31\n"
            "node_fibrechannel_info{fc_host=\"host0\",speed=\"16 Gbit\",port_state=\"Online\","
            "port_type=\"Point-To-Point (direct nport connection)\",port_id=\"000002\","
            "port_name=\"1000e0071bce95f2\",fabric_name=\"0x\",symbolic_name=\"\",supported_classes=\"Class 3\","
            "supported_speeds=\"4 Gbit, 8 Gbit\",dev_loss_tmo=\"30\"} 1\n");
}

TEST(Fibrechannel, WritesTheFamiliesOfNodeExporter) {
  const TempTree tree;
  for (const char* counter :
       {"dumped_frames", "error_frames", "invalid_crc_count", "rx_frames", "rx_words", "tx_frames", "tx_words",
        "seconds_since_last_reset", "invalid_tx_word_count", "link_failure_count", "loss_of_sync_count",
        "loss_of_signal_count", "nos_count", "fcp_packet_aborts"})
    tree.write(kHost + "statistics/" + counter, "0x1\n");
  expect_golden_families("fibrechannel", collect(*kFibrechannelCollector.make(roots_of(tree))).page);
}

TEST(Fibrechannel, ABrokenCounterIsTheOnlyOneMissing) {
  for (const char* content : {"", "0x\n", "0xgg\n", "-1\n", "0x10000000000000000\n", "1 2\n"}) {
    const TempTree tree({{"sys/class/fc_host/host0/statistics/tx_words", content},
                         {"sys/class/fc_host/host0/statistics/rx_words", "0x1\n"},
                         {"sys/class/fc_host/host1/statistics/tx_words", "0x2\n"}});
    const auto collected = collect(*kFibrechannelCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << content;
    EXPECT_NE(collected.error().find("host0/statistics/tx_words"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text("node_fibrechannel_tx"), "node_fibrechannel_tx_words_total{fc_host=\"host1\"} 2\n");
    EXPECT_EQ(collected.text("node_fibrechannel_rx"), "node_fibrechannel_rx_words_total{fc_host=\"host0\"} 1\n");
  }
}

TEST(Fibrechannel, PortsComeAndGo) {
  expect_not_present(kFibrechannelCollector);
  const TempTree tree({{"sys/class/fc_host/host0/statistics/tx_words", "0x1\n"}});
  const auto collector = kFibrechannelCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_fibrechannel_tx"),
            "node_fibrechannel_tx_words_total{fc_host=\"host0\"} 1\n");
  tree.write("sys/class/fc_host/host7/statistics/tx_words", "0x2\n");
  ASSERT_TRUE(remove_tree(tree.at("sys/class/fc_host/host0")));
  EXPECT_EQ(collect(*collector).text("node_fibrechannel_tx"),
            "node_fibrechannel_tx_words_total{fc_host=\"host7\"} 2\n");
}

}  // namespace
}  // namespace plimsoll::collectors::host
