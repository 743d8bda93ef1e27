//! XDS.b metadata in the French profile, ebRIM, and the IHE XDM archive.
